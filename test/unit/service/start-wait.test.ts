import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, TapedeckError } from '@tapedeck/core'
import { createLogger, startWait } from '@tapedeck/service'
import { TestClock } from '../../support/test-clock.ts'

const log = createLogger('test', 'silent')
const away = (): Promise<never> =>
  Promise.reject(new TapedeckError('BROKER_UNREACHABLE', 'Cannot reach Kafka'))

describe('startWait()', () => {
  it('gives the reason for the wait until the work succeeds', async () => {
    const clock = new TestClock()
    const wait = startWait({ log, signal: new AbortController().signal }, { clock })
    let isThere = false
    const result = wait.until(() => (isThere ? Promise.resolve('there') : away()))
    await clock.advance(60_000)
    assert.deepEqual(wait.reasons(), ['waiting: Cannot reach Kafka'])
    isThere = true
    await clock.advance(5000)
    assert.equal(await result, 'there')
    assert.deepEqual(wait.reasons(), [])
  })

  it('gives up after its limit, with the last error', async () => {
    const clock = new TestClock()
    const wait = startWait({ log, signal: new AbortController().signal }, { clock })
    const result = assert.rejects(wait.until(away), (error) => hasCode(error, 'BROKER_UNREACHABLE'))
    await clock.advance(595_000)
    assert.equal(clock.waiting, 1)
    await clock.advance(11_000)
    assert.equal(clock.waiting, 0)
    await result
  })

  it('throws a failure at once that no waiting can help', async () => {
    const wait = startWait({ log, signal: new AbortController().signal })
    const mistake = (): Promise<never> =>
      Promise.reject(new TapedeckError('CONFIG_INVALID', 'Cannot use MongoDB'))
    await assert.rejects(wait.until(mistake), (error) => hasCode(error, 'CONFIG_INVALID'))
  })

  it('ends when it is asked to stop', async () => {
    const stop = new AbortController()
    const wait = startWait({ log, signal: stop.signal }, { clock: new TestClock() })
    const result = assert.rejects(wait.until(away), (error) => hasCode(error, 'ABORTED'))
    stop.abort()
    await result
  })
})
