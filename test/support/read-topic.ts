import assert from 'node:assert/strict'
import { GAP_KEY } from '@tapedeck/domain'
import { createClient, type KafkaConfig } from '@tapedeck/kafka'
import { eventually } from './eventually.ts'
import type { Scope } from './scope.ts'

export interface TopicRecord {
  readonly partition: number
  readonly offset: number
  readonly key: string
  readonly value: string
}

/** Reads a topic from its beginning until it has at least `count` records of trades; gaps are left out. */
export async function readTopic(
  t: Scope,
  config: KafkaConfig,
  topic: string,
  count: number
): Promise<readonly TopicRecord[]> {
  const records: TopicRecord[] = []
  const reader = createClient(config, 'test').consumer({
    groupId: `${topic}-${process.pid}-${Math.random()}`,
    maxWaitTimeInMs: 100
  })
  t.after(() => reader.disconnect())
  await reader.connect()
  await reader.subscribe({ topics: [topic], fromBeginning: true })
  await reader.run({
    eachMessage: ({ partition, message }) => {
      if (message.key?.toString() === GAP_KEY) return Promise.resolve()
      records.push({
        partition,
        offset: Number(message.offset),
        key: message.key?.toString() ?? '',
        value: message.value?.toString() ?? ''
      })
      return Promise.resolve()
    }
  })
  await eventually(() => assert.ok(records.length >= count, `${records.length} of ${count}`))
  return records
}
