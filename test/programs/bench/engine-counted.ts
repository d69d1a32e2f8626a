/**
 * A child of `npm run bench:engine -- --instructions`: makes all records, then runs a step of the engine over the first of
 * them, so that two runs differ in that step alone.
 */
import { decodeAll, encoded, foldAll } from './engine-run.ts'
import type { CountedTask } from './engine-instructions.ts'
import { syntheticRecords } from './synthetic-trades.ts'

const PER_RECORD = 5

async function main({ step, made, trades, timeframes }: CountedTask): Promise<void> {
  const shape = { trades: made, symbols: 100, perRecord: PER_RECORD, rate: 1000, seed: 1 }
  const records = [...syntheticRecords(shape)]
  const bytes = encoded(records)
  const count = trades / PER_RECORD
  if (step === 'decode') decodeAll(bytes.slice(0, count))
  else await foldAll(records.slice(0, count), { timeframes, isLeftOpen: true })
}

await main(JSON.parse(process.argv[2] ?? '') as CountedTask)
