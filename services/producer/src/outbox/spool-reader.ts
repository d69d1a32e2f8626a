import { open } from 'node:fs/promises'
import { decodeEntry, type QueuedRecord } from './spool-entry.ts'

/** One read from the disk; enough for a full send of ordinary records. */
const READ_BYTES = 512 * 1024

/**
 * Reads whole entries from `from` on, none of which ends behind `to`. Damage ends a segment: lengths
 * are not to be trusted behind it, so what is left of the file is passed over.
 *
 * @returns `offset` behind the last entry read
 */
export async function readEntries(
  path: string,
  {
    from,
    to,
    maxRecords,
    maxBytes
  }: {
    readonly from: number
    readonly to: number
    readonly maxRecords: number
    readonly maxBytes: number
  }
): Promise<{ records: QueuedRecord[]; offset: number; damagedBytes: number }> {
  const records: QueuedRecord[] = []
  const file = await open(path, 'r')
  try {
    let needed = READ_BYTES
    for (;;) {
      const bytes = Buffer.allocUnsafe(Math.min(needed, to - from))
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from)
      const whole = bytes.subarray(0, bytesRead)
      let at = 0
      for (let taken = 0; records.length < maxRecords && taken < maxBytes;) {
        const entry = decodeEntry(whole, at)
        if (entry === 'damaged' || (entry.record === undefined && from + at + entry.size > to)) {
          const isEnd = from + at === to
          return { records, offset: to, damagedBytes: isEnd ? 0 : to - from - at }
        }
        if (entry.record === undefined) {
          needed = entry.size
          break
        }
        records.push(entry.record)
        taken += entry.next - at
        at = entry.next
      }
      // One entry larger than a read: once more with room for it.
      if (records.length > 0 || needed === READ_BYTES) {
        return { records, offset: from + at, damagedBytes: 0 }
      }
    }
  } finally {
    await file.close()
  }
}
