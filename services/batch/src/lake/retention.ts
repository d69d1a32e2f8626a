import { ZONES, type Lake } from '@tapedeck/lake'

/** Dates that were removed of a publication. */
export interface RemovedDates {
  /** Such as `raw/quotes`. */
  readonly name: string
  readonly dates: number
  /** The first date that stays, YYYY-MM-DD. */
  readonly before: string
}

/**
 * Removes the dates of the lake that ended longer ago than they are to be kept.
 *
 * @param ttlMs ms, by zone or `zone/name`, which wins; what neither names is kept
 * @param nowMs epoch ms
 * @returns each publication that has a limit
 */
export async function removeOldDates(
  lake: Lake,
  ttlMs: ReadonlyMap<string, number>,
  nowMs: number
): Promise<readonly RemovedDates[]> {
  const removed: RemovedDates[] = []
  for (const zone of ZONES) {
    for (const name of await lake.publications(zone)) {
      const keptMs = ttlMs.get(`${zone}/${name}`) ?? ttlMs.get(zone)
      if (keptMs === undefined) continue
      // A date ends when the next one begins, in UTC: at the latest the trading day of New York is over then.
      const before = new Date(nowMs - keptMs).toISOString().slice(0, 10)
      removed.push({
        name: `${zone}/${name}`,
        dates: await lake.removeBefore({ zone, name }, before),
        before
      })
    }
  }
  return removed
}
