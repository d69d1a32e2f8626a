import { withTimeout } from '@tapedeck/core'
import type { KafkaConfig } from './config.ts'
import { rangesOf, readRanges } from './ranges.ts'

/** A record near the end of its partition. */
interface TailRecord {
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** Records of each partition that are read; the last ones may be markers of transactions. */
const TAIL_RECORDS = 20
const CLIENT_ID = 'tapedeck-tail'

/**
 * The last records of each partition of the topic, at most twenty, ascending by offset. None for a topic
 * that is empty or missing.
 * @throws BROKER_UNREACHABLE; TIMED_OUT when the records do not come within `limitMs`
 */
export function readTail(config: KafkaConfig, limitMs: number): Promise<TailRecord[]> {
  const read = async (): Promise<TailRecord[]> => {
    const { topic } = config
    const whole = await rangesOf(config, topic, CLIENT_ID)
    const ranges = new Map(
      [...whole].map(([partition, { low, high }]) => [
        partition,
        { low: Math.max(low, high - TAIL_RECORDS), high }
      ])
    )
    const tail: TailRecord[] = []
    const options = { clientId: CLIENT_ID, topic, ranges, idleLimitMs: limitMs }
    await readRanges(config, options, ({ key, value }, partition) => {
      tail.push({ partition, key, value })
      return undefined
    })
    return tail
  }
  return withTimeout(read(), limitMs, `Reading the end of ${config.topic}`)
}
