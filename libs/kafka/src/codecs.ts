import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { messageOf, TapedeckError } from '@tapedeck/core'
import kafkajs from 'kafkajs'
import snappy from 'snappyjs'

/** A batch holds at most this many bytes of records; a larger one is not read. */
const MAX_BATCH_BYTES = 128 * 1024 * 1024

/** What kafkajs asks of a codec. The argument of `compress` is its encoder. */
interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
  /** @throws an error of any kind when the bytes are not of this format, or hold too much */
  decompress(buffer: Buffer): Promise<Buffer>
}

const gzip = promisify(zlib.gzip)
const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip)
const zstdCompress = promisify(zlib.zstdCompress)
const zstdDecompress = promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress)
const LIMIT = { maxOutputLength: MAX_BATCH_BYTES }

const GZIP: Codec = {
  compress: ({ buffer }) => gzip(buffer),
  decompress: (buffer) => gunzip(buffer, LIMIT)
}

const ZSTD: Codec = {
  compress: ({ buffer }) => zstdCompress(buffer),
  decompress: (buffer) => zstdDecompress(buffer, LIMIT)
}

const SNAPPY: Codec = {
  compress: ({ buffer }) => Promise.resolve(snappy.compress(buffer)),
  decompress: async (buffer) => (isXerial(buffer) ? readXerial(buffer) : readSnappy(buffer))
}

/** LZ4 frames; a byte of them holds at most 255, so that a batch of the broker's size is bounded. */
const LZ4: Codec = {
  compress: async ({ buffer }) => (await lz4()).compressFrame(buffer),
  decompress: async (buffer) => (await lz4()).decompressFrame(buffer)
}

/**
 * Loaded with the first LZ4 batch: its binary is an optional package of the platform, and without it
 * everything else still works.
 * @throws CODEC_MISSING
 */
async function lz4(): Promise<typeof import('lz4-napi')> {
  try {
    return await import('lz4-napi')
  } catch (cause) {
    throw new TapedeckError(
      'CODEC_MISSING',
      `Cannot read LZ4: ${messageOf(cause)}, expected the optional packages of lz4-napi (npm ci without --omit=optional)`,
      { cause }
    )
  }
}

/** Java clients frame Snappy as the xerial library does: this magic and two versions, then chunks. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER_BYTES = 16

function isXerial(buffer: Buffer): boolean {
  return buffer.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)
}

/** Each chunk is its length as int32, then a Snappy block. */
function readXerial(buffer: Buffer): Buffer {
  const chunks: Buffer[] = []
  let bytes = 0
  for (let offset = XERIAL_HEADER_BYTES; offset < buffer.length;) {
    const length = buffer.readInt32BE(offset)
    offset += 4
    if (length < 0 || offset + length > buffer.length) {
      throw new Error(`a chunk of ${length} bytes, expected ${buffer.length - offset} at most`)
    }
    const chunk = readSnappy(buffer.subarray(offset, offset + length), MAX_BATCH_BYTES - bytes)
    chunks.push(chunk)
    bytes += chunk.length
    offset += length
  }
  return Buffer.concat(chunks, bytes)
}

function readSnappy(block: Buffer, maxBytes = MAX_BATCH_BYTES): Buffer {
  return snappy.uncompress(block, maxBytes)
}

// Not named imports: node finds none of these two in the CommonJS of kafkajs.
const { CompressionCodecs, CompressionTypes } = kafkajs

// kafkajs has gzip alone, without a limit, and a place for the others.
Object.assign(CompressionCodecs, {
  [CompressionTypes.GZIP]: () => GZIP,
  [CompressionTypes.Snappy]: () => SNAPPY,
  [CompressionTypes.LZ4]: () => LZ4,
  [CompressionTypes.ZSTD]: () => ZSTD
})
