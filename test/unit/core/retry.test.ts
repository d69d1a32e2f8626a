import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fullJitter, hasCode, retry, TapedeckError } from '@tapedeck/core'
import { TestClock } from '../../support/test-clock.ts'

const away = new TapedeckError('BROKER_UNREACHABLE', 'Cannot reach Kafka')
const refused = new TapedeckError('CONFIG_INVALID', 'Cannot use Kafka')

/** Work that fails with each error in turn, then succeeds. */
function scripted(...failures: readonly Error[]) {
  let tries = 0
  return {
    work: () => {
      const failure = failures[tries++]
      return failure === undefined ? Promise.resolve('done') : Promise.reject(failure)
    },
    get tries() {
      return tries
    }
  }
}

describe('fullJitter()', () => {
  it('stays between 1 ms and the cap for any attempt', () => {
    fc.assert(
      fc.property(
        fc.nat(10_000),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, random) => {
          const ms = fullJitter({ baseMs: 1000, capMs: 60_000, random: () => random })(attempt)
          assert.ok(ms >= 1 && ms <= 60_000)
        }
      )
    )
  })

  it('doubles its ceiling with each attempt until the cap', () => {
    const jitter = fullJitter({ baseMs: 1000, capMs: 60_000, random: () => 0.999_999 })
    assert.deepEqual([0, 1, 2, 10].map(jitter), [999, 1999, 3999, 59_999])
  })
})

describe('retry()', () => {
  it('repeats work that fails with a retryable code, and tells each failure before its delay', async () => {
    const { work } = scripted(away, away)
    const clock = new TestClock()
    const told: unknown[] = []
    const result = retry(work, {
      delayMs: (attempt) => 100 * (attempt + 1),
      clock,
      onRetry: (error, waitMs) => told.push([error, waitMs])
    })
    await clock.advance(0) // lets the first try fail
    await clock.advance(100)
    assert.deepEqual(told, [
      [away, 100],
      [away, 200]
    ])
    await clock.advance(200)
    assert.equal(await result, 'done')
  })

  it('throws a failure that no retry can help at once', async () => {
    for (const failure of [refused, new Error('a bug')]) {
      const script = scripted(failure)
      await assert.rejects(retry(script.work, { delayMs: () => 1 }), failure)
      assert.equal(script.tries, 1)
    }
  })

  it('lets the caller say what is retryable', async () => {
    const { work } = scripted(refused)
    assert.equal(await retry(work, { delayMs: () => 0, isRetryable: () => true }), 'done')
  })

  it('throws the last failure after its tries', async () => {
    const last = new TapedeckError('TIMED_OUT', 'Too slow')
    const script = scripted(away, last, away)
    await assert.rejects(retry(script.work, { delayMs: () => 0, tries: 2 }), last)
    assert.equal(script.tries, 2)
  })

  it('throws the failure of a try that ends after its time limit', async () => {
    const script = scripted(away, away, away, away)
    const clock = new TestClock()
    const result = assert.rejects(
      retry(script.work, { delayMs: () => 400, limitMs: 1000, clock }),
      away
    )
    await clock.advance(0)
    await clock.advance(10_000)
    await result
    assert.equal(script.tries, 4) // at 0, 400, 800 and 1200 ms
  })

  it('starts its attempts again after a try that lasted', async () => {
    const clock = new TestClock()
    const attempts: number[] = []
    const lasting = [0, 0, 5000, 0]
    const result = retry(
      async () => {
        const ms = lasting.shift()
        if (ms === undefined) return 'done'
        await clock.delay(ms)
        throw away
      },
      {
        delayMs: (attempt) => {
          attempts.push(attempt)
          return 1
        },
        stableMs: 5000,
        clock
      }
    )
    await clock.advance(6000)
    assert.equal(await result, 'done')
    assert.deepEqual(attempts, [0, 1, 0, 1])
  })

  describe('asked to stop', () => {
    it('ends a delay at once', async () => {
      const stop = new AbortController()
      const script = scripted(away, away)
      const result = retry(script.work, {
        delayMs: () => 60_000,
        signal: stop.signal,
        clock: new TestClock()
      })
      setImmediate(() => stop.abort())
      await assert.rejects(result, (error) => hasCode(error, 'ABORTED'))
      assert.equal(script.tries, 1)
    })

    it('keeps the result of a try in progress', async () => {
      const stop = new AbortController()
      const trying = Promise.withResolvers<string>()
      const result = retry(() => trying.promise, { delayMs: () => 1, signal: stop.signal })
      stop.abort()
      trying.resolve('done')
      assert.equal(await result, 'done')
    })

    it('throws ABORTED with the failure of a try in progress, and does not retry', async () => {
      const stop = new AbortController()
      const trying = Promise.withResolvers<string>()
      let tries = 0
      const result = retry(
        () => {
          tries++
          return trying.promise
        },
        { delayMs: () => 1, signal: stop.signal, onRetry: () => assert.fail('no delay follows') }
      )
      stop.abort()
      trying.reject(away)
      await assert.rejects(result, (error) => hasCode(error, 'ABORTED') && error.cause === away)
      assert.equal(tries, 1)
    })

    it('throws what no retry can help as it is', async () => {
      const policy = { delayMs: () => 1, signal: AbortSignal.abort() }
      await assert.rejects(retry(scripted(refused).work, policy), refused)
    })

    it('tries once when it was asked before it began', async () => {
      const policy = { delayMs: () => 1, signal: AbortSignal.abort() }
      assert.equal(await retry(scripted().work, policy), 'done')
    })
  })
})
