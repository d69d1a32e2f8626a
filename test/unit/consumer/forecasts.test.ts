import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PartitionForecasts } from '../../../services/consumer/src/forecasts.ts'

type Given = ConstructorParameters<typeof PartitionForecasts>
type Batch = Parameters<PartitionForecasts['dueScores']>[0]

const DEPS = {
  config: {
    forecasts: [],
    fold: { allowedDelayMs: 2000 },
    flushIntervalMs: 500,
    scoresPast: false
  },
  signal: new AbortController().signal
}

function aBatch(nextOffset: number, ids: readonly number[]): Batch {
  const series = ids.map((id) => ({ id: `X:${id}|1m|1`, isWhole: true }))
  return { nextOffset, restored: [], forecasts: [{ series }] } as unknown as Batch
}

describe('PartitionForecasts.dueScores()', () => {
  it('writes the scores of some series at a time and tells since when the others wait', async () => {
    const forecasts = new PartitionForecasts(DEPS as unknown as Given[0], {} as Given[1])
    const numbers = Array.from({ length: 250 }, (_, index) => index)
    const first = await forecasts.dueScores(aBatch(10, numbers), false)
    assert.deepEqual([first.due.length, first.unscoredFrom], [100, 10])
    const soon = await forecasts.dueScores(aBatch(20, numbers.slice(0, 100)), false)
    assert.deepEqual([soon.due.length, soon.unscoredFrom], [0, 10])
    const last = await forecasts.dueScores(aBatch(30, []), true)
    assert.deepEqual([last.due.length, last.unscoredFrom], [250, null])
    // Those that wait longest come first.
    assert.deepEqual([last.due[0]?.id, last.due[150]?.id], ['X:100|1m|1', 'X:0|1m|1'])
  })
})
