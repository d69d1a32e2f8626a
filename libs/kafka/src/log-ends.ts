import { messageOf, TapedeckError } from '@tapedeck/core'
import { createClient, withAdmin } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { openInquiry } from './inquiry.ts'
import { rangesBy, type Range } from './ranges.ts'

/** Offset after the last record of every partition now. @throws BROKER_UNREACHABLE */
export async function partitionEnds(config: KafkaConfig): Promise<Map<number, number>> {
  return withAdmin(config, 'tapedeck-ends', failureOf(config), async (admin) => {
    const ranges = rangesBy(await admin.fetchTopicOffsets(config.topic))
    return new Map([...ranges].map(([partition, { high }]) => [partition, high]))
  })
}

/** Repeated looks at the ends of a topic's partitions, over one connection. */
export interface LogEnds {
  /**
   * The offset of the first record of each partition, and the one after its last.
   * @throws BROKER_UNREACHABLE when the broker does not answer within two seconds
   */
  look(): Promise<ReadonlyMap<number, Range>>
  close(): Promise<void>
}

const LOOK_LIMIT_MS = 2000

export function openLogEnds(config: KafkaConfig, clientId: string): LogEnds {
  const inquiry = openInquiry(
    () => createClient(config, clientId, undefined, 0).admin(),
    LOOK_LIMIT_MS
  )
  return {
    async look() {
      try {
        return await inquiry.ask(async (admin) =>
          rangesBy(await admin.fetchTopicOffsets(config.topic))
        )
      } catch (cause) {
        const failure = `${failureOf(config)}: ${messageOf(cause)}`
        throw new TapedeckError('BROKER_UNREACHABLE', failure, { cause })
      }
    },
    close: () => inquiry.close()
  }
}

function failureOf({ topic }: KafkaConfig): string {
  return `Cannot ask for the offsets of ${topic}`
}
