export { digestOf } from './folder-storage.ts'
export { Lake, type Draft, type DraftTable, type Publication, type Published } from './lake.ts'
export {
  publicationName,
  ZONES,
  type Extent,
  type Manifest,
  type PublicationName,
  type PublishedTable
} from './manifest.ts'
export {
  LAKE_LOCATION_VARIABLES,
  lakeLocation,
  lakeProblems,
  openLake,
  type LakeLocation
} from './settings.ts'
