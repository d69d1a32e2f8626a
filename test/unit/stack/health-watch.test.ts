import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { watchHealth } from '@tapedeck/stack/testing'
import { until } from '../../support/until.ts'

/** A watch over answers that the test chooses; it ends with the test. */
function watched(t: TestContext, limitMs: number) {
  const lines: string[] = []
  const changes: boolean[] = []
  const state = { wrong: undefined as string | undefined, isExplained: false, asked: 0 }
  const stopping = new AbortController()
  const watching = watchHealth({
    name: 'The consumer',
    ask: () => {
      state.asked++
      return Promise.resolve(state.wrong)
    },
    progress: { say: (text) => lines.push(text), warn: (text) => lines.push(`! ${text}`) },
    isExplained: () => state.isExplained,
    onChange: (isWrong) => changes.push(isWrong),
    signal: stopping.signal,
    askEveryMs: 1,
    limitMs
  })
  t.after(async () => {
    stopping.abort()
    await watching
  })
  const asks = (count: number): Promise<void> => {
    const to = state.asked + count
    return until('more questions', () => state.asked >= to)
  }
  return { lines, changes, state, asks }
}

describe('watchHealth()', { timeout: 60_000 }, () => {
  it('says once what is wrong, and once that it is over', async (t) => {
    const { lines, changes, state, asks } = watched(t, 20)
    await asks(3)
    state.wrong = 'no answer from the broker'
    await until('the line', () => lines.length > 0)
    await asks(30)
    state.wrong = undefined
    await until('the end', () => lines.length > 1)
    await asks(3)
    assert.deepEqual(lines, [
      '! The consumer is not ready: no answer from the broker',
      'The consumer is ready again'
    ])
    assert.deepEqual(changes, [true, false])
  })

  it('says nothing of what is over within the limit', async (t) => {
    const { lines, changes, state, asks } = watched(t, 600_000)
    state.wrong = 'busy'
    await asks(3)
    state.wrong = undefined
    await asks(3)
    assert.deepEqual(lines, [])
    assert.deepEqual(changes, [true, false])
  })

  it('leaves what is explained unsaid, and says it when it outlasts its explanation', async (t) => {
    const { lines, state, asks } = watched(t, 20)
    state.isExplained = true
    state.wrong = 'no answer from the broker'
    await asks(50)
    assert.deepEqual(lines, [])
    state.isExplained = false
    await until('the line', () => lines.length > 0)
    assert.deepEqual(lines, ['! The consumer is not ready: no answer from the broker'])
  })
})
