import { deadTopicOf, type ClientLog } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { openSerialPublisher } from './serial-publisher.ts'

/** What did not fit the schema, where it stood, and why. */
export interface DeadLetter {
  readonly reason: string
  /** `producer` for a frame, `consumer` for a record. */
  readonly stage: 'producer' | 'consumer'
  readonly partition?: number
  readonly offset?: number
  /** As it came; text of at most 100 000 characters. */
  readonly raw: string
}

const MAX_RAW = 100_000
/** Letters can be large; a broker takes a megabyte at once. */
const SEND_SIZE = 100

export interface DeadLetters {
  /** Resolves when the letter is on the topic. @throws PUBLISH_FAILED */
  send(letters: readonly DeadLetter[]): Promise<void>
  close(): Promise<void>
}

/** Keeps refused records on `<topic>.dead`: one JSON value each, with reason and coordinates. */
export function openDeadLetters(
  config: KafkaConfig,
  options: { readonly clientId: string; readonly log?: ClientLog }
): DeadLetters {
  const topic = deadTopicOf(config.topic)
  const publisher = openSerialPublisher(config, { ...options, topic, sendSize: SEND_SIZE })
  return {
    send: (letters) =>
      publisher.send(
        letters.map((letter) => ({
          key: letter.reason,
          value: JSON.stringify({ ...letter, raw: letter.raw.slice(0, MAX_RAW) })
        }))
      ),
    close: () => publisher.close()
  }
}
