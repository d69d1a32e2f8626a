import { buildFrame, longToWide, type Frame } from './infinity-emulator-frame.ts'

/**
 * What Grafana and its Infinity data source do with a query, as far as these dashboards use it: the
 * variables are filled in, the URL is asked, and the answer becomes a frame of typed columns. Where the
 * plugin would show a wrong picture without a word, this throws.
 */
export interface EmulatedSource {
  /** The data source's address, which is also the only host allowed. */
  readonly baseUrl: string
  /** Sent with each query, as the data source does with a token. */
  readonly headers?: Readonly<Record<string, string>>
  /** Values of the dashboard's variables. */
  readonly variables: Readonly<Record<string, string | readonly string[]>>
  readonly fromMs: number
  readonly toMs: number
}

export interface Target {
  readonly refId: string
  readonly type: string
  readonly source: string
  readonly parser: string
  readonly format: string
  readonly url: string
  readonly url_options: {
    readonly method: string
    readonly params?: readonly { readonly key: string; readonly value: string }[]
  }
  readonly root_selector: string
  readonly columns: readonly { readonly selector: string; readonly text: string; type: string }[]
}

/** Time limit of a query; the provisioned data source has the same. */
const TIMEOUT_MS = 10_000

/** Runs one target and answers its frame. An empty answer is a frame without fields: "No data". */
export async function runTarget(target: Target, source: EmulatedSource): Promise<Frame> {
  return (await measureTarget(target, source)).frame
}

/** The same, with what the browser gets: the plugin hands on the whole raw answer beside the frame. */
export async function measureTarget(
  target: Target,
  source: EmulatedSource
): Promise<{ readonly frame: Frame; readonly rows: number; readonly bytes: number }> {
  expectSupported(target)
  const url = urlOf(target, source)
  const { headers = {} } = source
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
  const body = await response.text()
  if (response.status >= 400) throw new Error(`${response.status} of ${url}: ${body}`)
  if (body === '')
    throw new Error(`Empty answer of ${url}, which the data source takes for an error`)
  const rows = select(JSON.parse(body), target.root_selector)
  if (!Array.isArray(rows)) {
    throw new TypeError(`'${target.root_selector}' of ${url} is ${typeof rows}, expected an array`)
  }
  const long = buildFrame(target.refId, rows, target.columns)
  const frame = target.format === 'timeseries' ? longToWide(long) : long
  const values = JSON.stringify(frame.fields.map((field) => field.values))
  return { frame, rows: rows.length, bytes: body.length + values.length }
}

/**
 * The choices of a query variable: one column is both the text and the value.
 * @throws for an answer without rows, as the plugin does
 */
export async function runVariable(target: Target, source: EmulatedSource): Promise<string[]> {
  const frame = await runTarget(target, source)
  if (frame.fields.length === 0) throw new Error('at least one field expected for variable')
  if (frame.fields.length !== 1) {
    throw new Error(`A variable's query has ${frame.fields.length} columns, expected one`)
  }
  return (frame.fields[0]?.values ?? []).map(String)
}

/** The URL that the data source asks: variables first, in the browser, then its own time macros. */
export function urlOf(target: Target, source: EmulatedSource): string {
  const fill = (text: string): string => macros(interpolate(text, source.variables), source)
  const path = fill(target.url)
  const url = new URL(path.startsWith(source.baseUrl) ? path : `${source.baseUrl}${path}`)
  for (const { key, value } of target.url_options.params ?? []) {
    url.searchParams.append(key, fill(value))
  }
  const allowed = new URL(source.baseUrl)
  if (url.host !== allowed.host || !url.href.startsWith(source.baseUrl)) {
    throw new Error(`${url.href} is not allowed, expected it below ${source.baseUrl}`)
  }
  return url.href
}

/** Fills in `$name`, `${name}` and `${name:csv}`; names that begin with `__` are left to the plugin. */
export function interpolate(text: string, variables: EmulatedSource['variables']): string {
  return text.replace(
    /\$(?:\{(\w+)(?::(\w+))?\}|(\w+))/g,
    (whole, braced?: string, format?: string, bare?: string) => {
      const name = braced ?? bare ?? ''
      if (name.startsWith('__')) return whole
      const value = variables[name]
      if (value === undefined) throw new Error(`${whole} is not a variable of the dashboard`)
      if (typeof value === 'string') return value
      if (format === 'csv') return value.join(',')
      throw new Error(`${whole} has several values, expected the format csv`)
    }
  )
}

function macros(text: string, { fromMs, toMs }: EmulatedSource): string {
  const filled = text
    .replaceAll('${__timeFrom}', String(fromMs))
    .replaceAll('${__timeTo}', String(toMs))
  const left = /\$\{?__\w+/.exec(filled)
  if (left !== null) throw new Error(`${left[0]} is not a macro of the plugin's back end`)
  return filled
}

function expectSupported({ type, source, parser, format, url_options, columns }: Target): void {
  const problems = [
    ...(type === 'json' && source === 'url'
      ? []
      : [`${type} from ${source}, expected json from url`]),
    // The browser's parsers serve no alerts and no public dashboards.
    ...(parser === 'backend' ? [] : [`parser '${parser}', expected backend`]),
    ...(format === 'timeseries' || format === 'table' ? [] : [`format '${format}'`]),
    ...(url_options.method === 'GET' ? [] : [`method ${url_options.method}, expected GET`]),
    ...(columns.length > 0 ? [] : ['no columns, expected each declared'])
  ]
  if (problems.length > 0) throw new Error(`Target not supported: ${problems.join('; ')}`)
}

/** A dotted path; anything else would be another query language. */
function select(value: unknown, path: string): unknown {
  if (!/^\w+(\.\w+)*$/.test(path)) throw new Error(`Selector '${path}', expected a dotted path`)
  let found = value
  for (const key of path.split('.')) found = (found as Record<string, unknown> | null)?.[key]
  return found
}
