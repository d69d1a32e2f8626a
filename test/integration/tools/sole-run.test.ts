import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { hostname } from 'node:os'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { DATE, disorderedTape } from './disordered-tape.ts'
import { programOf, runTool } from './run-tool.ts'

const options = { timeout: 120_000 }
const RANGE = ['--from', DATE, '--to', DATE] as const

/** A run that is paused while it holds the lease. */
async function pausedRun(t: TestContext, market: Market): Promise<ChildProcess & { pid: number }> {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [programOf('reprocess'), ...RANGE, '--source', 'topic'], {
    env: { PATH, ...market.env },
    stdio: 'ignore'
  })
  t.after(() => child.kill('SIGKILL'))
  await eventually(
    async () => {
      const lease = await market.database.leases.findOne({ _id: 'reprocess' })
      assert.ok(lease !== null && lease.expiresAt > new Date())
    },
    { everyMs: 2 }
  )
  child.kill('SIGSTOP')
  assert.equal(child.exitCode, null)
  return child as ChildProcess & { pid: number }
}

describe('two runs of npm run reprocess', () => {
  it(
    'refuses a second run and names the first; after a SIGKILL the next run begins',
    options,
    async (t) => {
      const market = await openMarket(t)
      await market.publish(disorderedTape(200, 31))
      const first = await pausedRun(t, market)
      const second = await runTool('reprocess', market.env, ...RANGE)
      assert.equal(second.code, 1)
      const expected = `Cannot reprocess: process ${first.pid} on host ${hostname()} is running it since 20`
      assert.ok(second.output.startsWith(expected), second.output)

      const exited = once(first, 'exit')
      first.kill('SIGKILL')
      await exited
      const third = await runTool('reprocess', market.env, ...RANGE)
      assert.equal(third.code, 0, third.output)
      const lease = await market.database.leases.findOne({ _id: 'reprocess' })
      assert.equal(lease?.expiresAt.getTime(), 0, 'released at the end')
    }
  )

  it('ends a run whose lease was taken while it was paused', options, async (t) => {
    const market = await openMarket(t)
    await market.publish(disorderedTape(200, 32))
    const first = await pausedRun(t, market)
    // Its lease expires, and another run takes it.
    await market.database.leases.updateOne({}, { $set: { expiresAt: new Date(0) } })
    const second = await runTool('reprocess', market.env, ...RANGE)
    assert.equal(second.code, 0, second.output)
    const exited = once(first, 'exit') as Promise<[number | null]>
    first.kill('SIGCONT')
    assert.deepEqual((await exited)[0], 1)
  })

  it('waits for the lease of a run on another machine to expire', options, async (t) => {
    const market = await openMarket(t)
    const { leases } = market.database
    await leases.insertOne({
      _id: 'reprocess',
      owner: 'other',
      process: { owner: 'other', host: 'elsewhere', space: '', pid: 7, started: '1' },
      since: new Date(Date.UTC(2026, 2, 10)),
      expiresAt: new Date(Date.now() + 60_000),
      lastFrameAt: null
    })
    const refused = await runTool('reprocess', market.env, ...RANGE)
    assert.equal(refused.code, 1)
    assert.match(
      refused.output,
      /^Cannot reprocess: process 7 on host elsewhere is running it since 2026-03-10T00:00:00.000Z, .* its lease expires at 20/
    )
    await leases.updateOne({}, { $set: { expiresAt: new Date(0) } })
    const next = await runTool('reprocess', market.env, ...RANGE)
    assert.equal(next.code, 0, next.output)
  })
})
