import { mkdir, open, rename, stat, type FileHandle } from 'node:fs/promises'
import path from 'node:path'

/** A log above this size is put aside as `<name>.1` at the next start. */
const ROTATE_BYTES = 10 * 1024 * 1024
const TAIL_BYTES = 8192

/** A file that a child writes to directly, so that its log survives the stack. */
export interface LogFile {
  readonly path: string
  /** Its length when it was opened: what is later was written by this run. */
  readonly begin: number
  readonly handle: FileHandle
}

export async function openLog(dataDir: string, name: string): Promise<LogFile> {
  const folder = path.join(dataDir, 'logs')
  await mkdir(folder, { recursive: true })
  const file = path.join(folder, `${name}.log`)
  const size = (await stat(file).catch(() => undefined))?.size ?? 0
  if (size > ROTATE_BYTES) await rename(file, `${file}.1`)
  const handle = await open(file, 'a')
  return { path: file, begin: size > ROTATE_BYTES ? 0 : size, handle }
}

/** What this run has written, the last 8 KiB of it. */
export async function tailOf({ path: file, begin }: LogFile): Promise<string> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    const from = Math.max(begin, size - TAIL_BYTES)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, from)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}
