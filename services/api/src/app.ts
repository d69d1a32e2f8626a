import { listen, type ServiceContext } from '@tapedeck/service'
import { buildApi } from './build-api.ts'
import type { ApiConfig } from './config.ts'
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
  const app = buildApi({ reader, context }, config)
  const url = await listen(app, config.host, config.port)
  context.defer(() => app.close())
  context.log.info({ url }, 'api is served')
  return { url }
}
