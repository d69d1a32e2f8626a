import { Problems, type Variable } from '@tapedeck/core'

/** Where a service exposes its metrics. */
export interface MetricsUrl {
  readonly service: string
  readonly url: string
}

const MOST_URLS = 50
const ENTRY = /^([a-z][a-z0-9-]{0,29})=(\S+)$/

/** A list of `service=url`; a service of several processes stands there several times. */
export const METRICS_URLS: Variable<readonly MetricsUrl[]> = {
  fallback: [],
  required: false,
  secret: false,
  about: 'Where the other services expose metrics, for /api/v1/flow; npm start sets it',
  expected:
    'a list of service=url such as producer=http://127.0.0.1:9101/metrics,consumer=http://127.0.0.1:9102/metrics',
  parse(found) {
    const entries = found.split(',').map((entry) => entry.trim())
    const problems = entries.flatMap((entry) => problemOf(entry) ?? [])
    if (entries.length > MOST_URLS) {
      problems.push(`has ${entries.length} entries, expected ${MOST_URLS} at most`)
    }
    if (problems.length > 0) throw new Problems(problems)
    return entries.map((entry) => {
      const at = entry.indexOf('=')
      return { service: entry.slice(0, at), url: entry.slice(at + 1) }
    })
  }
}

function problemOf(entry: string): string | undefined {
  const [, service, address = ''] = ENTRY.exec(entry) ?? []
  if (service === undefined) return `has '${entry}', expected service=url`
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    return `has a URL of ${service} that does not fit, expected one that begins with http:// or https://`
  }
  // fetch() takes none, and it would stand in messages.
  if (url.username !== '' || url.password !== '') {
    return `has a URL of ${service} with credentials, expected one without`
  }
  return undefined
}
