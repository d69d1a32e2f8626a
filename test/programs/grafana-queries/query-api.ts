import { printable, TapedeckError } from '@tapedeck/core'
import type { GrafanaHttp } from '@tapedeck/grafana'
import { interpolate, type Target } from '../../support/infinity-emulator.ts'

/** A query as a panel, a variable, an annotation or an alert rule makes it. */
export interface GrafanaQuery {
  /** For people. */
  readonly name: string
  readonly target: Target
  readonly variables: Readonly<Record<string, string>>
  readonly fromMs: number
  readonly toMs: number
}

/** Rows that a panel of ordinary width asks for. */
const MAX_DATA_POINTS = 1000
const SECOND_MS = 1000
/** Letters of an error that are repeated. */
const QUOTE_LENGTH = 300

interface Results {
  readonly results?: Readonly<
    Record<string, { readonly error?: string; readonly frames?: readonly FrameJson[] }>
  >
  readonly message?: string
}

interface FrameJson {
  readonly schema?: {
    readonly fields?: readonly { readonly name: string; readonly type: string }[]
  }
}

/** A column as `name: type`. */
export type Column = string

/**
 * Sends a query to `POST /api/ds/query` as the front end does: variables filled in, the macros of the time range left
 * to the data source. Resolves to the columns of the frame that comes back, sorted; none when there is nothing.
 *
 * @throws Error with what is wrong with this query; TapedeckError when Grafana refuses all (CONFIG_INVALID), does not
 * answer or answers something else (SERVER_FAILED), or ABORTED
 */
export async function columnsByGrafana(
  grafana: GrafanaHttp,
  { target, variables, fromMs, toMs }: GrafanaQuery
): Promise<readonly Column[]> {
  const intervalMs = Math.ceil((toMs - fromMs) / MAX_DATA_POINTS / SECOND_MS) * SECOND_MS
  const { status, body } = await grafana.ask('POST', '/api/ds/query', {
    queries: [{ ...filledIn(target, variables), intervalMs, maxDataPoints: MAX_DATA_POINTS }],
    from: String(fromMs),
    to: String(toMs)
  })
  const { results, message = '' } = (body ?? {}) as Results
  if (results === undefined) {
    throw new TapedeckError(
      status === 401 || status === 403 ? 'CONFIG_INVALID' : 'SERVER_FAILED',
      `Grafana at ${grafana.address} answered POST /api/ds/query with ${status} "${quotable(message)}", ` +
        'expected results; GRAFANA_TOKEN needs the permission datasources:query'
    )
  }
  const { error, frames = [] } = results[target.refId] ?? {
    error: `no result for the refId ${target.refId}`
  }
  if (error !== undefined && error !== '') throw new Error(`${status}: ${quotable(error)}`)
  if (frames.length > 1) throw new Error(`${frames.length} frames found, expected one`)
  const fields = frames[0]?.schema?.fields ?? []
  return fields.map(({ name, type }) => `${name}: ${type}`).toSorted()
}

/** The target with the variables in its path and parameters, where the plugin's front end fills them in. */
function filledIn(target: Target, variables: GrafanaQuery['variables']): Target {
  const { url, url_options } = target
  const params = url_options.params?.map(({ key, value }) => ({
    key,
    value: interpolate(value, variables)
  }))
  return {
    ...target,
    url: interpolate(url, variables),
    url_options: { ...url_options, ...(params !== undefined && { params }) }
  }
}

function quotable(text: string): string {
  return printable(text.slice(0, QUOTE_LENGTH))
}
