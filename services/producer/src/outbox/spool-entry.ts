import { crc32 } from 'node:zlib'

/** A record on its way to the broker, as memory and spool hold it. */
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

/** An entry read back: the record and where the next one begins; or why there is none. */
export type ReadEntry =
  | { readonly record: QueuedRecord; readonly next: number }
  /** The buffer ends first: `size` bytes are needed from the same place. */
  | { readonly record?: undefined; readonly size: number }
  /** No entry was ever written like this. */
  | 'damaged'

const HEADER = 8
const META = 18
const MAX_PAYLOAD = 64 * 1024 * 1024
const BY_KEY = -1
const ALL = -2

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

/** The entry that begins at `at`. */
export function decodeEntry(bytes: Buffer, at: number): ReadEntry {
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
