import assert from 'node:assert/strict'
import { readConfig, type ConsumerConfig } from '@tapedeck/consumer/testing'
import {
  encodeGapRecord,
  encodeTradeRecord,
  type GapRecord,
  type TradeRecord
} from '@tapedeck/domain'
import {
  createClient,
  ensureTopics,
  openTopicIds,
  partitionEnds,
  Publisher,
  type KafkaConfig
} from '@tapedeck/kafka'
import type { Database } from '@tapedeck/mongo'
import { eventually } from './eventually.ts'
import { ownDatabase } from './own-database.ts'
import { servers } from './servers.ts'
import { temporaryFolder, type Scope } from './scope.ts'

/** A topic and a database of a test's own on the servers of this run. */
export interface Market {
  readonly kafka: KafkaConfig
  readonly database: Database
  readonly env: Readonly<Record<string, string>>
  /** Publishes in order; resolves when the broker has all. */
  publish(records: readonly TradeRecord[]): Promise<void>
  publishRaw(key: string, value: string): Promise<void>
  /** Publishes a gap on every partition, as the producer does. */
  publishGap(gap: Pick<GapRecord, 'id' | 'fromMs' | 'toMs'> & Partial<GapRecord>): Promise<void>
  consumer(more?: Readonly<Record<string, string>>): ConsumerConfig
}

const A_GAP = {
  version: 1,
  kind: 'gap',
  feed: 'simulated',
  cause: 'closed with code 1006',
  symbols: [],
  at: 2000
} as const

export async function openMarket(t: Scope): Promise<Market> {
  const { brokers, mongoUri, topic, database: name, env: onServers } = servers()
  const kafka: KafkaConfig = { brokers, topic, ssl: false, sasl: undefined }
  await ensureTopics(kafka)
  const { database } = await ownDatabase(t, { mongoUri, database: name })
  const publisher = new Publisher(kafka, { clientId: 'test', topic })
  t.after(() => publisher.close())
  const env = {
    ...onServers,
    LATENESS_LIMIT: '3650d',
    SCORE_PAST: 'true',
    FLUSH_INTERVAL: '50ms',
    TAPEDECK_DATA_DIR: await temporaryFolder(t)
  }
  return {
    kafka,
    database,
    env,
    async publish(records) {
      for (let i = 0; i < records.length; i += 1000) {
        await publisher.send(records.slice(i, i + 1000).map(encodeTradeRecord))
      }
    },
    publishRaw: (key, value) => publisher.send([{ key, value }]),
    async publishGap(given) {
      const gap = { ...A_GAP, ...given }
      const partitions = [...(await partitionEnds(kafka)).keys()]
      await publisher.send(partitions.map((partition) => ({ ...encodeGapRecord(gap), partition })))
    },
    consumer: (more = {}) => readConfig({ ...env, ...more })
  }
}

/** Deletes the topic and creates it again, without waiting for anybody who reads it. */
export async function recreateTopic(t: Scope, { kafka }: Market, partitions = 6): Promise<void> {
  const ids = openTopicIds(kafka, { clientId: 'test' })
  t.after(() => ids.close())
  const admin = createClient(kafka, 'test').admin()
  t.after(() => admin.disconnect())
  await admin.connect()
  await admin.deleteTopics({ topics: [kafka.topic] })
  await eventually(() => assert.rejects(ids.read()))
  await ensureTopics(kafka, { partitions })
}
