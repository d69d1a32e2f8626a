import { listen, type ServiceContext } from '@tapedeck/service'
import { buildApi } from './build-api.ts'
import type { ApiConfig } from './config.ts'
import { systemClock } from '@tapedeck/core'
import { LiveHub } from './stream/hub.ts'
import { databaseReader } from './database-reader.ts'

/**
 * Serves the REST api and the live page. Returns as soon as it listens, also without a database: data
 * routes then answer 503 until it is connected.
 *
 * @throws PORT_IN_USE when another process uses the port
 */
export async function startApi(
  config: ApiConfig,
  context: ServiceContext
): Promise<{ readonly url: string }> {
  const reader = databaseReader(config.mongo, context)
  const hub =
    config.stream === undefined ? undefined : new LiveHub(config.stream, context, systemClock)
  const app = buildApi({ reader, context, hub }, config)
  const url = await listen(app, config.host, config.port)
  context.defer(() => app.close())
  hub?.start()
  context.log.info({ url }, 'api is served')
  return { url }
}
