import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { flowAlerts } from '../../../../services/api/src/flow/flow-alerts.ts'

type Flow = Parameters<typeof flowAlerts>[0]
type ProcessState = Flow['processes'][number]
type Moment = Flow['moments'][number]

const NOW_MS = 10_000_000

const process = (parts: Partial<ProcessState>): ProcessState => ({
  service: 'consumer',
  url: 'http://two:1/metrics',
  problem: undefined,
  answeredAt: NOW_MS,
  reading: undefined,
  difference: undefined,
  ...parts
})

function moment(agoMs: number, parts: Partial<Moment['counts']>, latencies = {}): Moment {
  const none = { received: 0, published: 0, stored: 0, bars: 0, forecasts: 0, streamed: 0 }
  const counts = { refused: 0, lost: 0, deadLetters: 0, sendRetries: 0, writeRetries: 0 }
  return {
    time: NOW_MS - agoMs,
    seconds: {},
    counts: { ...none, ...counts, ...parts },
    gauges: { queued: 0, spooledBytes: 0, lag: 7, newestCheckpoint: 0 },
    latencies
  }
}

describe('flowAlerts()', () => {
  it('has no row for what is not measured', () => {
    assert.deepEqual(flowAlerts({ processes: [], moments: [], beganAt: 0 }, NOW_MS), [])
  })

  it('counts since the last answer of a process, or since it was first asked', () => {
    const processes = [
      process({}),
      process({
        service: 'producer',
        url: 'http://one:1/metrics',
        problem: 'away',
        answeredAt: NOW_MS - 40_000
      }),
      process({ service: 'simulator', url: '', problem: 'away', answeredAt: null })
    ]
    const found = flowAlerts({ processes, moments: [], beganAt: NOW_MS - 90_000 }, NOW_MS)
    assert.deepEqual(found, [
      { alert: 'service away', label: 'consumer two:1', value: 0 },
      { alert: 'service away', label: 'producer one:1', value: 40 },
      { alert: 'service away', label: 'simulator', value: 90 }
    ])
  })

  it('adds up what was refused in ten minutes, and takes the slowest hundredth of five', () => {
    const slow = {
      stored: new Map([
        [1, 0],
        [4, 100],
        [Infinity, 0]
      ])
    }
    const old = {
      stored: new Map([
        [1, 0],
        [4, 0],
        [60, 100]
      ])
    }
    const moments = [
      moment(601_000, { refused: 5 }, old),
      moment(400_000, { refused: 1, deadLetters: 2 }, old),
      moment(5000, { refused: null, deadLetters: 1 }, slow)
    ]
    const found = flowAlerts({ processes: [], moments, beganAt: 0 }, NOW_MS)
    assert.deepEqual(found, [
      { alert: 'refused', label: 'producer', value: 1 },
      { alert: 'refused', label: 'consumer', value: 3 },
      { alert: 'lag', label: 'consumer', value: 7 },
      { alert: 'latency', label: 'stored', value: 3.97 }
    ])
  })
})
