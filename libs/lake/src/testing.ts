/** The entry for tests and test programs. */
export { FolderStorage } from './folder-storage.ts'
export type { LakeStorage } from './storage.ts'
export { S3Storage } from './s3-storage.ts'
