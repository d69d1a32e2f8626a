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
