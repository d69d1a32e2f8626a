import type { Metrics } from '@tapedeck/service'
import type { FastifyInstance } from 'fastify'

const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const

/** Counts and times requests by route and status. Unknown paths share one label. */
export function measureRequests(app: FastifyInstance, metrics: Metrics): void {
  const seconds = metrics.histogram(
    'api_request_duration_seconds',
    'Time from the request to the end of its answer; the count is the number of requests',
    BUCKETS_S,
    ['route', 'status']
  )
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown'
    seconds.observe({ route, status: String(reply.statusCode) }, reply.elapsedTime / 1000)
  })
}
