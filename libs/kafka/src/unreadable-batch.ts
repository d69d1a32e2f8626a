import { createRequire } from 'node:module'
import { assert, hasCode, messageOf } from '@tapedeck/core'
import type { KafkaMessage } from 'kafkajs'

/** A batch of records as a producer sent it, which cannot be decoded: where it is, and why. */
export interface UnreadableBatch {
  readonly baseOffset: number
  /** Offset of its last record. */
  readonly lastOffset: number
  /** The earliest and the latest time of its records by its header, epoch ms; -1 if it has none. */
  readonly fromMs: number
  readonly toMs: number
  /** What was found, such as `LZ4: invalid block offset`. */
  readonly reason: string
  /** The whole batch as it is on the topic. */
  readonly bytes: Buffer
}

/** The part of kafkajs's decoder that is used here: a buffer and a position in it. */
interface Decoder {
  readonly buffer: Buffer
  offset: number
}
type DecodeBatch = (decoder: Decoder) => Promise<object>

/** Where the fields of a batch (magic 2) are, in bytes from its beginning. */
const LENGTH_AT = 8
const LEADER_EPOCH_AT = 12
const MAGIC_AT = 16
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const BASE_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_ID_AT = 43
const HEADER_BYTES = 61
/** The length does not count itself and the base offset. */
const UNCOUNTED_BYTES = 12
const TRANSACTIONAL = 0x10
const CODEC_MASK = 0x07
const CODECS = ['uncompressed', 'gzip', 'Snappy', 'LZ4', 'zstd']

const UNREADABLE = Symbol('unreadable batch')

/** The unreadable batch that a message stands for; undefined for a message. */
export function unreadableOf(message: KafkaMessage): UnreadableBatch | undefined {
  return (message as { readonly [UNREADABLE]?: UnreadableBatch })[UNREADABLE]
}

/**
 * Decodes a batch of records as kafkajs does. One that cannot be decoded becomes two messages without a
 * value, at its first and its last offset, so that kafkajs goes on behind it.
 * @throws CODEC_MISSING, since then the batch is good
 */
function tolerant(decode: DecodeBatch): DecodeBatch {
  return async (decoder) => {
    const { buffer, offset: start } = decoder
    const isWhole = start + HEADER_BYTES <= buffer.length && buffer.readInt8(start + MAGIC_AT) === 2
    const end = isWhole ? start + UNCOUNTED_BYTES + buffer.readInt32BE(start + LENGTH_AT) : 0
    // A fetch ends anywhere, also within a batch: kafkajs knows that case.
    if (!isWhole || end > buffer.length || end < start + HEADER_BYTES) return decode(decoder)
    const batch = buffer.subarray(start, end)
    try {
      const codec = batch.readInt16BE(ATTRIBUTES_AT) & CODEC_MASK
      if (codec >= CODECS.length) throw new Error(`codec ${codec}, expected 0 to 4`)
      return await decode(decoder)
    } catch (error) {
      if (hasCode(error, 'CODEC_MISSING')) throw error
      decoder.offset = end
      return standIn(batch, messageOf(error))
    }
  }
}

function standIn(batch: Buffer, found: string): object {
  const attributes = batch.readInt16BE(ATTRIBUTES_AT)
  const baseOffset = Number(batch.readBigInt64BE(0))
  const lastOffset = baseOffset + Math.max(0, batch.readInt32BE(LAST_OFFSET_DELTA_AT))
  const codec = CODECS[attributes & CODEC_MASK]
  const unreadable: UnreadableBatch = {
    baseOffset,
    lastOffset,
    fromMs: Number(batch.readBigInt64BE(BASE_TIMESTAMP_AT)),
    toMs: Number(batch.readBigInt64BE(MAX_TIMESTAMP_AT)),
    reason: codec === undefined ? found : `${codec}: ${found}`,
    bytes: batch
  }
  const batchContext = {
    partitionLeaderEpoch: batch.readInt32BE(LEADER_EPOCH_AT),
    producerId: String(batch.readBigInt64BE(PRODUCER_ID_AT)),
    inTransaction: (attributes & TRANSACTIONAL) !== 0
  }
  const offsets = baseOffset === lastOffset ? [baseOffset] : [baseOffset, lastOffset]
  const records = offsets.map((offset) => ({
    magicByte: 2,
    attributes: 0,
    timestamp: String(unreadable.toMs),
    offset: String(offset),
    key: null,
    value: null,
    headers: {},
    isControlRecord: false,
    batchContext,
    [UNREADABLE]: unreadable
  }))
  return { ...batchContext, records }
}

// kafkajs ends its consumer at a batch that it cannot decode, and offers no place to catch the error. Its
// fetch responses load the decoder when the first one comes: until then it can be replaced. The version
// is pinned, and test/integration/kafka/unreadable-batch.test.ts guards it.
const require = createRequire(import.meta.url)
const decoderPath = require.resolve('kafkajs/src/protocol/recordBatch/v0/decoder.js')
const userPath = require.resolve('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js')
assert(require.cache[userPath] === undefined, 'no fetch response was decoded yet')
const decodeBatch = require(decoderPath) as DecodeBatch
const decoderModule = require.cache[decoderPath]
assert(decoderModule !== undefined, 'the decoder of kafkajs is in the cache of modules')
decoderModule.exports = tolerant(decodeBatch)
