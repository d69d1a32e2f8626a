import { Ajv } from 'ajv'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { runTarget, type EmulatedSource, type Target } from './infinity-emulator.ts'
import type { Frame } from './infinity-emulator-frame.ts'
import type { Scope } from './scope.ts'

const TEXT = { type: 'string', minLength: 1 }
/**
 * The body of `POST /api/ds/query`: models/metric_request.go of github.com/grafana/grafana-openapi-client-go, and what
 * the front end puts into each query (DataSourceWithBackend of @grafana/runtime).
 */
const METRIC_REQUEST = {
  type: 'object',
  required: ['from', 'to', 'queries'],
  additionalProperties: false,
  properties: {
    debug: { type: 'boolean' },
    from: { type: 'string', pattern: '^\\d{13}$' },
    to: { type: 'string', pattern: '^\\d{13}$' },
    queries: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['refId', 'datasource', 'intervalMs', 'maxDataPoints', 'type', 'url'],
        properties: {
          refId: TEXT,
          type: TEXT,
          url: TEXT,
          intervalMs: { type: 'integer', minimum: 1 },
          maxDataPoints: { type: 'integer', minimum: 1 },
          datasource: {
            type: 'object',
            required: ['type', 'uid'],
            properties: { type: TEXT, uid: { const: 'tapedeck-api' } }
          }
        }
      }
    }
  }
}

interface MetricRequest {
  readonly from: string
  readonly to: string
  readonly queries: readonly Target[]
}

/** A server in the place of a Grafana that is asked through `POST /api/ds/query`, where the emulator is the data source. */
export interface QueryStandIn {
  readonly address: string
  readonly token: string
  /** The targets it was asked, as they came. */
  readonly targets: Target[]
  /** What did not fit the description of the call. */
  readonly misfits: string[]
  /** What it makes of a frame, or throws as the data source would. */
  answer: (frame: Frame, target: Target) => Frame
}

export async function queryStandIn(
  scope: Pick<Scope, 'after'>,
  api: Pick<EmulatedSource, 'baseUrl'>
): Promise<QueryStandIn> {
  const fits = new Ajv({ strict: true }).compile<MetricRequest>(METRIC_REQUEST)
  const standIn: QueryStandIn = {
    address: '',
    token: 'glsa_a-token-of-a-service-account',
    targets: [],
    misfits: [],
    answer: (frame) => frame
  }
  const answered = async (
    request: IncomingMessage
  ): Promise<{ readonly status: number; readonly body: object }> => {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const { method = '', url = '', headers } = request
    if (headers.authorization !== `Bearer ${standIn.token}`) {
      return { status: 401, body: { message: 'Invalid API key' } }
    }
    const asked = JSON.parse(text) as MetricRequest
    if (`${method} ${url}` !== 'POST /api/ds/query' || !fits(asked)) {
      standIn.misfits.push(`${method} ${url}: ${JSON.stringify(fits.errors)}`)
      return { status: 400, body: { message: 'bad request data' } }
    }
    const [fromMs, toMs] = [Number(asked.from), Number(asked.to)]
    const results: Record<string, object> = {}
    let status = 200
    for (const target of asked.queries) {
      standIn.targets.push(target)
      try {
        // No variable is known here: one that was not filled in is an error.
        const frame = await runTarget(target, { ...api, variables: {}, fromMs, toMs })
        results[target.refId] = { status: 200, frames: [frameJson(standIn.answer(frame, target))] }
      } catch (error) {
        status = 400
        results[target.refId] = { status: 500, error: String(error), frames: [] }
      }
    }
    return { status, body: { results } }
  }
  const http = createServer((request, response) => {
    void answered(request).then(({ status, body }) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    )
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  scope.after(() => http.close())
  const { port } = http.address() as AddressInfo
  return Object.assign(standIn, { address: `http://127.0.0.1:${port}` })
}

/** A frame as the HTTP API gives it: a schema, and the values by column. */
function frameJson({ name, fields }: Frame): object {
  return {
    schema: { name, refId: name, fields: fields.map(({ values: _values, ...field }) => field) },
    data: { values: fields.map(({ values }) => values) }
  }
}
