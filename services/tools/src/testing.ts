export { readBacktestArguments, type BacktestArguments } from './backtest/arguments.ts'
export { runBacktest, type BacktestResult } from './backtest/backtest.ts'
export { writeReport } from './backtest/report.ts'
export type { ScoreRow } from './backtest/score-rows.ts'
export {
  readAuditArguments,
  readReprocessArguments,
  type AuditArguments,
  type ReprocessArguments
} from './reprocess/arguments.ts'
