import { hasCode, messageOf, TapedeckError } from '@tapedeck/core'
import { pingBroker } from './client.ts'
import type { KafkaConfig } from './config.ts'

/**
 * Asks as `pingBroker` does, and tells a broker that is away from a mistake that no waiting mends.
 * @throws CONFIG_INVALID when the credentials are refused; BROKER_UNREACHABLE
 */
export async function reachBroker(config: KafkaConfig, timeoutMs: number): Promise<string> {
  try {
    return await pingBroker(config, timeoutMs)
  } catch (error) {
    if (!hasCode(error, 'BROKER_UNREACHABLE') || !isRefusal(error.cause)) throw error
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot use Kafka: ${messageOf(error.cause)}, expected other credentials in KAFKA_BROKERS, or KAFKA_USERNAME and KAFKA_PASSWORD`,
      { cause: error }
    )
  }
}

/** The client does not hand out the class of this error to modules: its name tells. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error.name === 'KafkaJSSASLAuthenticationError' || isRefusal(error.cause)
}
