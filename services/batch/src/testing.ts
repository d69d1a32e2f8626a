/** The entry for tests and test programs. */
export { startBeat } from './beat.ts'
export { BATCH_VARIABLES, readConfig, type BatchConfig } from './config.ts'
export { defineFlow, type Flow } from './flow.ts'
export { watchlistCsv } from './flows/watchlist-csv.ts'
export { findJob, type Job } from './jobs.ts'
export { newRun, sharedQueues } from './new-run.ts'
export { makeRequestedRuns } from './requested-runs.ts'
export { loadSchedules, openSchedules, runningSchedules } from './schedules.ts'
export { startWorker } from './worker.ts'
export { LAKE_VARIABLES, RUN_VARIABLES } from './lake/config.ts'
export { captureTape } from './lake/capture-tape.ts'
export { Engine } from './lake/engine.ts'
export { Lake, type Draft, type Publication } from './lake/store.ts'
export {
  columns,
  divergingBars,
  escaped,
  heatmap,
  niceAbove,
  short,
  signedPercent,
  sparkline
} from './lake/report-charts.ts'
export { askRest, readRestSource, turnOf, type RestAnswer } from './lake/rest-source.ts'
