import type { KafkaConfig } from './config.ts'
import {
  MAX_SEND_RECORDS,
  Publisher,
  type OutgoingRecord,
  type PublisherOptions
} from './publisher.ts'

export interface SerialPublisher {
  /** Resolves when all records are on the topic, in order. @throws PUBLISH_FAILED, BROKER_UNREACHABLE */
  send(records: readonly OutgoingRecord[]): Promise<void>
  close(): Promise<void>
}

/**
 * A publisher that several may use at once: the calls run one after another, each in sends of at most
 * `sendSize` records. A failed call does not stop the next.
 */
export function openSerialPublisher(
  config: KafkaConfig,
  { sendSize = MAX_SEND_RECORDS, ...options }: PublisherOptions & { readonly sendSize?: number }
): SerialPublisher {
  const publisher = new Publisher(config, options)
  let tail: Promise<void> = Promise.resolve()
  const sendAll = async (records: readonly OutgoingRecord[]): Promise<void> => {
    for (let i = 0; i < records.length; i += sendSize) {
      await publisher.send(records.slice(i, i + sendSize))
    }
  }
  return {
    send(records) {
      const sent = tail.then(() => sendAll(records))
      tail = sent.catch(() => undefined) // reported to its caller
      return sent
    },
    close: () => publisher.close()
  }
}
