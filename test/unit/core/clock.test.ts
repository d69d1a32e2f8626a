import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { hasCode, repeat, whileWaiting, withTimeout } from '@tapedeck/core'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('withTimeout()', () => {
  it('rejects with TIMED_OUT when the work takes too long', async () => {
    await assert.rejects(
      withTimeout(Promise.withResolvers<never>().promise, 5, 'Waiting'),
      (error) => hasCode(error, 'TIMED_OUT')
    )
  })

  it('blames no server for the time in which this process was busy', async () => {
    const { port1, port2 } = new MessageChannel()
    const answer = once(port1, 'message')
    const waiting = withTimeout(answer, 200, 'Waiting')
    // The thread is held for twice the limit, from after this turn's messages until its next timers.
    await turn()
    port2.postMessage('answer')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
    assert.deepEqual(await waiting, ['answer'])
    port1.close()
  })
})

describe('whileWaiting()', () => {
  it('ticks about every second until the work is done', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const work = Promise.withResolvers<string>()
    let ticks = 0
    const result = whileWaiting(work.promise, () => Promise.resolve(void ticks++))
    for (let second = 0; second < 3; second++) {
      t.mock.timers.tick(1000)
      await turn()
    }
    work.resolve('done')
    assert.equal(await result, 'done')
    assert.equal(ticks, 3)
  })

  it('throws what a tick throws', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const gone = new Error('the group has moved on')
    const result = whileWaiting(Promise.withResolvers<never>().promise, () => Promise.reject(gone))
    t.mock.timers.tick(1000)
    await assert.rejects(result, gone)
  })
})

describe('repeat()', () => {
  it('runs the work an interval after its last run ended, never twice at once', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const runs: PromiseWithResolvers<void>[] = []
    const begin = (): Promise<void> => {
      const run = Promise.withResolvers<void>()
      runs.push(run)
      return run.promise
    }
    const stop = repeat(100, begin, () => assert.fail('nothing failed'))
    t.mock.timers.tick(1000)
    assert.equal(runs.length, 1)
    runs[0]?.resolve()
    await turn()
    t.mock.timers.tick(100)
    assert.equal(runs.length, 2)
    let isStopped = false
    const stopped = stop().then(() => (isStopped = true))
    await turn()
    assert.equal(isStopped, false)
    runs[1]?.resolve()
    await stopped
    t.mock.timers.tick(1000)
    assert.equal(runs.length, 2)
  })

  it('ends with the first failure', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const failure = new Error('cannot flush')
    const failures: unknown[] = []
    repeat(
      100,
      () => Promise.reject(failure),
      (error) => failures.push(error)
    )
    t.mock.timers.tick(100)
    await turn()
    t.mock.timers.tick(1000)
    assert.deepEqual(failures, [failure])
  })
})
