import { messageOf, TapedeckError } from '@tapedeck/core'
import type { Admin } from 'kafkajs'
import { createClient, withAdmin } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { openInquiry } from './inquiry.ts'

/** Offset after the last record of every partition now. @throws BROKER_UNREACHABLE */
export async function partitionEnds(config: KafkaConfig): Promise<Map<number, number>> {
  return withAdmin(config, 'tapedeck-ends', failureOf(config), (admin) => endsOf(admin, config))
}

/** Repeated looks at the ends of a topic's partitions, over one connection. */
export interface LogEnds {
  /**
   * The offset after the last record of each partition.
   * @throws BROKER_UNREACHABLE when the broker does not answer within two seconds
   */
  look(): Promise<ReadonlyMap<number, number>>
  close(): Promise<void>
}

const LOOK_LIMIT_MS = 2000

export function openLogEnds(config: KafkaConfig, clientId: string): LogEnds {
  const inquiry = openInquiry(async () => {
    const admin = createClient(config, clientId, undefined, 0).admin()
    await admin.connect()
    return admin
  }, LOOK_LIMIT_MS)
  return {
    async look() {
      try {
        return await inquiry.ask((admin) => endsOf(admin, config))
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

async function endsOf(admin: Admin, { topic }: KafkaConfig): Promise<Map<number, number>> {
  const offsets = await admin.fetchTopicOffsets(topic)
  return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]))
}
