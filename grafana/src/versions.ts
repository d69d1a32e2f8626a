import { INFINITY, NEWEST_GRAFANA } from './pins.ts'

/** The versions of Grafana that tapedeck knows, for messages. */
export const KNOWN_VERSIONS = `${INFINITY.needsGrafana} to ${NEWEST_GRAFANA}`

/**
 * Whether a version of Grafana is one that tapedeck knows: not older than the data source needs, nor of a major
 * version that is newer than NEWEST_GRAFANA.
 * @param version `major.minor.patch`, with anything after it
 */
export function ageOf(version: string): 'older' | 'known' | 'newer' {
  if (version.localeCompare(INFINITY.needsGrafana, 'en', { numeric: true }) < 0) return 'older'
  return Number.parseInt(version, 10) > NEWEST_GRAFANA ? 'newer' : 'known'
}
