import assert from 'node:assert/strict'
import { open, readFile } from 'node:fs/promises'
import path from 'node:path'
import { servers } from './servers.ts'

/** A batch of records as the broker's file has it. */
export interface StoredBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  /** 0 none, 1 gzip, 2 Snappy, 3 LZ4, 4 zstd. */
  readonly codec: number
  /** Where it begins in the file, and its length, bytes. */
  readonly at: number
  readonly length: number
}

/** Where the attributes and the records of a batch are, from its beginning. */
const ATTRIBUTES_AT = 21
const RECORDS_AT = 61

function segmentOf(topic: string, partition: number): string {
  const { kafkaLogDir } = servers()
  assert.ok(kafkaLogDir !== undefined, 'a broker of this run, expected no KAFKA_BROKERS')
  return path.join(kafkaLogDir, `${topic}-${partition}`, '00000000000000000000.log')
}

/** The batches in the first file of a partition, as the broker stored them. */
export async function storedBatches(topic: string, partition: number): Promise<StoredBatch[]> {
  const file = await readFile(segmentOf(topic, partition))
  const batches: StoredBatch[] = []
  for (let at = 0; at + RECORDS_AT <= file.length;) {
    const baseOffset = Number(file.readBigInt64BE(at))
    const length = 12 + file.readInt32BE(at + 8)
    const lastOffset = baseOffset + file.readInt32BE(at + 23)
    const codec = file.readInt16BE(at + ATTRIBUTES_AT) & 7
    batches.push({ baseOffset, lastOffset, codec, at, length })
    at += length
  }
  return batches
}

/** Damages the records of a stored batch, as a failing disk does; the broker serves it as it is. */
export async function damageRecords(
  topic: string,
  partition: number,
  { at, length }: StoredBatch
): Promise<void> {
  const noise = Buffer.alloc(length - RECORDS_AT, 0xa5)
  await write(topic, partition, noise, at + RECORDS_AT)
}

/** Gives a stored batch another codec, such as one that does not exist yet. */
export async function setCodec(
  topic: string,
  partition: number,
  { at }: StoredBatch,
  codec: number
): Promise<void> {
  await write(topic, partition, Buffer.from([0, codec]), at + ATTRIBUTES_AT)
}

async function write(topic: string, partition: number, bytes: Buffer, at: number): Promise<void> {
  const file = await open(segmentOf(topic, partition), 'r+')
  try {
    await file.write(bytes, 0, bytes.length, at)
  } finally {
    await file.close()
  }
}
