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
export { captureSql } from './lake/capture-sql.ts'
export { Engine } from './lake/engine.ts'
export type { ModuleContext } from './lake/module.ts'
export { refinePortfolio } from './lake/refine-portfolio.ts'
export { SparkEngine } from './lake/spark-engine.ts'
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
export { portfolioCards, readPortfolio } from './lake/report-portfolio.ts'
export { readSqlSource } from './lake/sql-source.ts'
export { trustSql } from './lake/trust-sql.ts'
export { columnValue } from './positions/column-value.ts'
export { loadSql } from './positions/load-sql.ts'
