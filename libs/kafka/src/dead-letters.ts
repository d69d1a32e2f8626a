import { deadTopicOf, type ClientLog } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { Publisher } from './publisher.ts'

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
  const publisher = new Publisher(config, { ...options, topic: deadTopicOf(config.topic) })
  let tail: Promise<void> = Promise.resolve()
  const sendAll = async (letters: readonly DeadLetter[]): Promise<void> => {
    for (let i = 0; i < letters.length; i += 100) {
      await publisher.send(
        letters.slice(i, i + 100).map((letter) => ({
          key: letter.reason,
          value: JSON.stringify({ ...letter, raw: letter.raw.slice(0, MAX_RAW) })
        }))
      )
    }
  }
  return {
    send(letters) {
      // The publisher takes one send at a time; a failed one does not stop the next.
      const sent = tail.then(() => sendAll(letters))
      tail = sent.catch(() => undefined)
      return sent
    },
    close: () => publisher.close()
  }
}
