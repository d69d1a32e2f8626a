import { open, readdir, readFile, unlink, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { crc32 } from 'node:zlib'

/** A record for the broker, as memory and spool hold it. */
export interface QueuedRecord {
  readonly key: string
  readonly value: string
  /** Undefined: the key decides. `all`: a copy on every partition, however many there will be. */
  readonly partition: number | 'all' | undefined
  /** Trades in it, for the counters; 0 for a record that carries none. */
  readonly trades: number
  /** When its frame was received, epoch ms. */
  readonly receivedAt: number
}

/** A place in the spool; segments are numbered in the order of writing. */
export interface Position {
  readonly segment: number
  readonly offset: number
}

/** A file of entries. */
export interface Segment {
  readonly number: number
  /** Bytes of whole entries; the rest of a failed write does not count. */
  size: number
}

/** The first bytes of every segment; another form of entries needs another text. */
export const SEGMENT_MAGIC = Buffer.from('TDSPOOL1')

const HEADER = 8
const META = 18
const MAX_PAYLOAD = 64 * 1024 * 1024
const BY_KEY = -1
const ALL = -2
const CURSOR_BYTES = 16
/** One read from the disk; enough for a full send of ordinary records. */
const READ_BYTES = 512 * 1024

/** Bytes that a record takes on disk. */
export function entrySize(record: QueuedRecord): number {
  return HEADER + META + Buffer.byteLength(record.key) + Buffer.byteLength(record.value)
}

/**
 * The bytes of these records. Each entry: length and CRC-32 of what follows (u32 each), partition
 * (i32), trades (u32), receive time (f64), length of the key (u16), key, value; little endian.
 */
export function encodeEntries(records: readonly QueuedRecord[]): Buffer {
  const bytes = Buffer.allocUnsafe(records.reduce((sum, record) => sum + entrySize(record), 0))
  let at = 0
  for (const { key, value, partition, trades, receivedAt } of records) {
    const payload = at + HEADER
    bytes.writeInt32LE(
      partition === undefined ? BY_KEY : partition === 'all' ? ALL : partition,
      payload
    )
    bytes.writeUInt32LE(trades, payload + 4)
    bytes.writeDoubleLE(receivedAt, payload + 8)
    const keyBytes = bytes.write(key, payload + META)
    bytes.writeUInt16LE(keyBytes, payload + 16)
    const end = payload + META + keyBytes + bytes.write(value, payload + META + keyBytes)
    bytes.writeUInt32LE(end - payload, at)
    bytes.writeUInt32LE(crc32(bytes.subarray(payload, end)), at + 4)
    at = end
  }
  return bytes
}

/** The entries in a buffer from a place on. */
interface Entries {
  readonly records: readonly QueuedRecord[]
  /** The position after the last whole entry. */
  readonly next: number
  /**
   * Why reading ended there: the limits were reached, the bytes were never written as an entry, or
   * the buffer ends within an entry of `size` bytes.
   */
  readonly ending: 'limits' | 'damaged' | { readonly size: number }
}

/** Reads entries until one of the limits is reached. */
function decodeEntries(
  bytes: Buffer,
  from: number,
  { maxRecords = Infinity, maxBytes = Infinity }: { maxRecords?: number; maxBytes?: number } = {}
): Entries {
  const records: QueuedRecord[] = []
  let at = from
  while (records.length < maxRecords && at - from < maxBytes) {
    const entry = decodeEntry(bytes, at)
    if (entry === 'damaged' || entry.record === undefined) {
      return { records, next: at, ending: entry }
    }
    records.push(entry.record)
    at = entry.next
  }
  return { records, next: at, ending: 'limits' }
}

type DecodedEntry =
  | { readonly record: QueuedRecord; readonly next: number }
  | { readonly record?: undefined; readonly size: number }
  | 'damaged'

function decodeEntry(bytes: Buffer, at: number): DecodedEntry {
  const payload = at + HEADER
  if (payload > bytes.length) return { size: HEADER }
  const length = bytes.readUInt32LE(at)
  // A file that grew before its data reached the disk reads as zeros.
  if (length < META || length > MAX_PAYLOAD) return 'damaged'
  const end = payload + length
  if (end > bytes.length) return { size: HEADER + length }
  if (crc32(bytes.subarray(payload, end)) !== bytes.readUInt32LE(at + 4)) return 'damaged'
  const partition = bytes.readInt32LE(payload)
  const keyEnd = payload + META + bytes.readUInt16LE(payload + 16)
  if (keyEnd > end) return 'damaged'
  return {
    record: {
      key: bytes.toString('utf8', payload + META, keyEnd),
      value: bytes.toString('utf8', keyEnd, end),
      partition: partition === BY_KEY ? undefined : partition === ALL ? 'all' : partition,
      trades: bytes.readUInt32LE(payload + 4),
      receivedAt: bytes.readDoubleLE(payload + 8)
    },
    next: end
  }
}

/** Bytes of a segment up to the end of its last whole entry; 0 when it is no segment. */
function wholeBytes(segment: Buffer): number {
  const isSegment = segment.subarray(0, SEGMENT_MAGIC.length).equals(SEGMENT_MAGIC)
  return isSegment ? decodeEntries(segment, SEGMENT_MAGIC.length).next : 0
}

/** The cursor file: CRC-32 and segment (u32 each), offset (f64); little endian. */
export function encodeCursor({ segment, offset }: Position): Buffer {
  const bytes = Buffer.alloc(CURSOR_BYTES)
  bytes.writeUInt32LE(segment, 4)
  bytes.writeDoubleLE(offset, 8)
  bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0)
  return bytes
}

/** Undefined when the bytes are no cursor. */
function decodeCursor(bytes: Buffer): Position | undefined {
  if (bytes.length !== CURSOR_BYTES) return undefined
  if (bytes.readUInt32LE(0) !== crc32(bytes.subarray(4))) return undefined
  return { segment: bytes.readUInt32LE(4), offset: bytes.readDoubleLE(8) }
}

export interface Inventory {
  readonly segments: Segment[]
  readonly acknowledged: Position
  readonly cutBytes: number
}

/** The segments of the previous run, oldest first, and how much of them the broker has. */
export async function inventoryOf(dir: string): Promise<Inventory> {
  const numbers = (await readdir(dir, { withFileTypes: true }))
    .map((entry) => (entry.isFile() ? /^(\d{10})\.spool$/.exec(entry.name)?.[1] : undefined))
    .filter((digits) => digits !== undefined)
    .map(Number)
    .toSorted((a, b) => a - b)
  const segments: Segment[] = []
  let cutBytes = 0
  for (const number of numbers) {
    const file = await open(segmentPath(dir, number), 'r+')
    try {
      const { size } = await file.stat()
      // Every segment but the last was synced before the next one was created.
      const whole = number === numbers.at(-1) ? wholeBytes(await file.readFile()) : size
      cutBytes += size - whole
      if (whole <= SEGMENT_MAGIC.length) await unlink(segmentPath(dir, number))
      else {
        await file.truncate(whole)
        segments.push({ number, size: whole })
      }
    } finally {
      await file.close()
    }
  }
  const cursor = decodeCursor(await readFile(path.join(dir, 'cursor')))
  return { segments, acknowledged: cursor ?? { segment: numbers[0] ?? 1, offset: 0 }, cutBytes }
}

/** Creates a segment; its name is on the disk when this resolves. */
export async function createSegment(dir: string, number: number): Promise<FileHandle> {
  const file = await open(segmentPath(dir, number), 'w')
  try {
    await writeAll(file, SEGMENT_MAGIC, 0)
    const folder = await open(dir, 'r')
    await folder.sync().finally(() => folder.close())
    return file
  } catch (error) {
    await file.close()
    await unlink(segmentPath(dir, number)).catch(() => undefined)
    throw error
  }
}

export function segmentPath(dir: string, number: number): string {
  return path.join(dir, `${String(number).padStart(10, '0')}.spool`)
}

/**
 * Reads whole entries from `from` on, none of which ends behind `to`. Damage ends a segment: lengths
 * behind it cannot be trusted, so the rest of the file is skipped.
 */
export async function readEntries(
  segment: string,
  {
    from,
    to,
    ...limits
  }: {
    readonly from: number
    readonly to: number
    readonly maxRecords: number
    readonly maxBytes: number
  }
): Promise<{ records: readonly QueuedRecord[]; offset: number; damagedBytes: number }> {
  const file = await open(segment, 'r')
  try {
    for (let length = READ_BYTES; ;) {
      const bytes = Buffer.allocUnsafe(Math.min(length, to - from))
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from)
      const { records, next, ending } = decodeEntries(bytes.subarray(0, bytesRead), 0, limits)
      const offset = from + next
      if (ending === 'damaged' || (ending !== 'limits' && offset + ending.size > to)) {
        return { records, offset: to, damagedBytes: to - offset }
      }
      if (ending === 'limits' || records.length > 0) return { records, offset, damagedBytes: 0 }
      length = ending.size // one entry larger than a read
    }
  } finally {
    await file.close()
  }
}

export async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}
