import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { findRuns, findTaskRuns } from '@tapedeck/mongo'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { allStored, DATE, disorderedTape } from '../tools/disordered-tape.ts'
import { runBatch } from './run-batch.ts'

const RULES = { TIMEFRAMES: '1s,1m,1h', FORECASTS: '1m:20:1', LATENESS_LIMIT: '1h' } as const

// Goal: what the project schedules beside the lake does its work as runs, and a run tells what it found.
describe('the sequences of the project', { timeout: 300_000 }, () => {
  it('audit a date, fail at a missing bar, insert it by reprocess, and report its forecasts', async (t) => {
    const market = await openMarket(t)
    const records = disorderedTape(1500, 14)
    await market.publish(records)
    const { stop } = await inService(t, (context) => startConsumer(market.consumer(RULES), context))
    await allStored(market, records)
    await stop()
    const { database } = market
    /** Runs a sequence to its end, and gives what its only task printed. */
    const run = async (sequence: string, ...parameters: string[]) => {
      // A command that waited for what belongs to its lease would not end within the limit of this test.
      const env = { ...market.env, ...RULES, BATCH_LEASE: '10m' }
      const { code, stderr } = await runBatch(env, 'run', sequence, '--date', DATE, ...parameters)
      const [made] = await findRuns(database, { limit: 1 })
      assert.ok(made !== undefined, stderr)
      const [task, ...others] = await findTaskRuns(database, [made._id])
      assert.equal(others.length, 0)
      return { code, job: made.job, state: made.state, tail: task?.tail ?? '', stderr }
    }

    const clean = await run('audit')
    assert.deepEqual([clean.code, clean.job, clean.state], [0, 'audit', 'succeeded'], clean.tail)

    const bar = await database.bars.findOne({ symbol: 'MSFT', timeframe: '1h', tradeDate: DATE })
    assert.ok(bar !== null)
    await database.bars.deleteOne({ _id: bar._id })
    const failed = await run('audit', '--symbol', 'MSFT')
    assert.deepEqual([failed.code, failed.state], [1, 'failed'], failed.tail)
    assert.match(failed.tail, /MSFT 1h \S+ {2}missing/)

    const mended = await run('reprocess', '--symbol', 'AAPL,MSFT')
    assert.deepEqual([mended.code, mended.state], [0, 'succeeded'], mended.tail)
    assert.match(mended.tail, /1 inserted/)
    assert.equal((await database.bars.findOne({ _id: bar._id }))?.volume, bar.volume)
    const again = await run('audit', '--symbol', 'MSFT')
    assert.deepEqual([again.code, again.state], [0, 'succeeded'], again.tail)

    const report = await run('forecast-report', '--param', 'forecasts=1m:20:1,1m:20:5')
    assert.deepEqual([report.code, report.state], [0, 'succeeded'], report.tail)
    assert.match(report.tail, /linear-regression/)
  })
})
