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

/** Characters in one send: the client makes one batch a partition of it, and a broker takes a megabyte. */
const SEND_LENGTH = 600_000

/**
 * A publisher that several may use at once: the calls run one after another, each in sends that a
 * broker takes. A failed call does not stop the next.
 */
export function openSerialPublisher(
  config: KafkaConfig,
  { sendSize = MAX_SEND_RECORDS, ...options }: PublisherOptions & { readonly sendSize?: number }
): SerialPublisher {
  const publisher = new Publisher(config, options)
  let tail: Promise<void> = Promise.resolve()
  const sendAll = async (records: readonly OutgoingRecord[]): Promise<void> => {
    for (const group of groupsOf(records, sendSize)) await publisher.send(group)
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

function groupsOf(records: readonly OutgoingRecord[], sendSize: number): OutgoingRecord[][] {
  const groups: OutgoingRecord[][] = []
  let group: OutgoingRecord[] = []
  let length = 0
  for (const record of records) {
    if (group.length === sendSize || (length > 0 && length + record.value.length > SEND_LENGTH)) {
      groups.push(group)
      group = []
      length = 0
    }
    group.push(record)
    length += record.value.length
  }
  if (group.length > 0) groups.push(group)
  return groups
}
