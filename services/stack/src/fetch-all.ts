import type { StackConfig } from './config.ts'
import { kafkaSteps } from './find-kafka.ts'
import { mongodSteps } from './find-mongod.ts'
import { firstFound } from './first-found.ts'
import type { Progress } from './progress.ts'
import { searchOf } from './servers.ts'

/**
 * Finds broker, Java and database, and fetches what is not there; the user's own servers need none.
 * @throws SERVER_MISSING with every reason; ABORTED
 */
export async function fetchAll(
  config: StackConfig,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal }
): Promise<void> {
  const search = searchOf(config, progress)
  const kafka = async (): Promise<void> => {
    if (config.kafka !== undefined) return progress.say('Kafka: yours (KAFKA_BROKERS)')
    const { value, from } = await firstFound('a Kafka broker', kafkaSteps(search), {
      signal,
      progress,
      remedy: 'Set KAFKA_BROKERS or KAFKA_HOME, or install Maven'
    })
    progress.say(`Kafka ${value.version}, Java ${value.java.major} (${from})`)
  }
  const mongod = async (): Promise<void> => {
    if (config.mongo.uri !== undefined) return progress.say('MongoDB: yours (MONGODB_URI)')
    const { value, from } = await firstFound('a MongoDB server', mongodSteps(search), {
      signal,
      progress,
      remedy: 'Set MONGODB_URI or MONGOD_BIN, or install Python 3 with pip'
    })
    progress.say(`MongoDB ${value.version} (${from})`)
  }
  const results = await Promise.allSettled([kafka(), mongod()])
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
