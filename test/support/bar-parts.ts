/** What a stored bar says that a test of something else does not care about. */
export const BAR_PARTS = {
  meanPrice: 100.5,
  sdPrice: 0.5,
  logReturn: 0.01,
  realisedVolatility: 0.012,
  inferredUpVolume: 20,
  inferredDownVolume: 10,
  inferredUnchangedVolume: 10,
  revision: 0,
  revisionCause: null,
  lateCount: 0,
  lateVolume: 0,
  coverage: 1,
  gapIds: [],
  policy: 'feed',
  conditionVersion: 1
} as const

/** The same for a forecast of which only the errors matter. */
export function forecastParts(lastClose: number, forecast: number, actual: number | null) {
  return {
    modelVersion: 1,
    tradeDate: '2025-01-31',
    bandLower: forecast - 0.1,
    bandUpper: forecast + 0.1,
    bandFrom: 'adaptive',
    naive: lastClose,
    drift: lastClose,
    scale: 0.05,
    actualRevision: actual === null ? -1 : 0,
    driftError: actual === null ? null : actual - lastClose,
    inOls: actual === null ? null : true,
    inBand: actual === null ? null : Math.abs(actual - forecast) <= 0.1,
    scoreRevision: 0,
    corrections: [],
    madeAtOffset: 9
  } as const
}
