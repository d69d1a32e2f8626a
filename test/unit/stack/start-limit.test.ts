import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import { StartLimit } from '@tapedeck/stack/testing'
import { until } from '../../support/until.ts'

const WAIT_MS = 40_000

async function running(t: TestContext, source: string): Promise<number> {
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child.pid!
}

/** What the limit says once it is exceeded. */
async function exceeded(limit: StartLimit): Promise<string | undefined> {
  let why: string | undefined
  await until(
    'the limit',
    async () => {
      why = await limit.exceeded()
      return why !== undefined
    },
    WAIT_MS
  )
  return why
}

const IDLE = "console.log('up'); setInterval(() => {}, 1000)"
const BUSY = "console.log('up'); setTimeout(() => { for (;;); }, 0)"
const nothing = (): Promise<number> => Promise.resolve(0)
const skip = process.platform !== 'linux' && 'only Linux tells how long threads wait'

describe('StartLimit', { timeout: 120_000, skip }, () => {
  it('ends the start of a process that does nothing', async (t) => {
    const limit = new StartLimit(await running(t, IDLE), 700, nothing)
    assert.equal(await exceeded(limit), 'it did nothing for 700 ms (START_LIMIT)')
  })

  it('ends the start of a process that is stopped while it works', async (t) => {
    const pid = await running(t, BUSY)
    process.kill(pid, 'SIGSTOP')
    assert.match((await exceeded(new StartLimit(pid, 700, nothing))) ?? '', /did nothing/)
  })

  it('waits for one that works, ten times as long at most', async (t) => {
    const startedMs = performance.now()
    const limit = new StartLimit(await running(t, BUSY), 700, nothing)
    assert.equal(await exceeded(limit), 'it took longer than 7000 ms')
    assert.ok(performance.now() - startedMs >= 7000)
  })

  it('waits for one whose log grows', async (t) => {
    let bytes = 0
    const limit = new StartLimit(await running(t, IDLE), 700, () => Promise.resolve(++bytes))
    assert.equal(await exceeded(limit), 'it took longer than 7000 ms')
  })
})
