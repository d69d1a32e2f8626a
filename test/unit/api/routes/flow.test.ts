import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '@tapedeck/core'
import { FlowRecorder } from '@tapedeck/api/testing'
import { apiOn } from '../reader-double.ts'

const T0_MS = 1_700_000_000_000

interface Flow {
  readonly flow: readonly Readonly<Record<string, number | null>>[]
}
interface Stages {
  readonly stages: readonly Readonly<Record<string, number | string | null>>[]
}
interface Processes {
  readonly processes: readonly Readonly<Record<string, number | string | null>>[]
}

/** An api whose recorder read a producer `readings` times, 5 s apart: 50 trades more each time, until it is away. */
async function apiAfter(readings: number, isAway = false) {
  let nowMs = T0_MS
  const clock = { ...systemClock, now: () => nowMs }
  let trades = 0
  const target = {
    service: 'producer',
    url: 'http://producer:9101/metrics',
    read: () => {
      if (isAway && nowMs > T0_MS + (readings - 3) * 5000) return Promise.reject(new Error('away'))
      trades += 50
      return Promise.resolve(`process_start_time_seconds 1
process_resident_memory_bytes 2048
process_cpu_seconds_total ${trades / 100}
tapedeck_trades_received_total ${trades}
tapedeck_latency_seconds_bucket{le="0.1",stage="receipt"} ${trades}
tapedeck_latency_seconds_bucket{le="+Inf",stage="receipt"} ${trades}
`)
    }
  }
  const flow = new FlowRecorder([target], clock, () => nowMs)
  for (let i = 0; i < readings; i++) {
    nowMs += 5000
    await flow.measure()
  }
  const app = apiOn({}, clock, {}, flow)
  return async <T>(url: string): Promise<T> => {
    const answer = await app.inject(url)
    assert.equal(answer.statusCode, 200, answer.body)
    return answer.json<T>()
  }
}

describe('/api/v1/flow', () => {
  it('has a row for each interval, with what is not measured as null', async () => {
    const ask = await apiAfter(721)
    const { flow } = await ask<Flow>('/api/v1/flow?limit=120')
    assert.ok(flow.length >= 119 && flow.length <= 120, `${flow.length} rows`)
    for (const row of flow) {
      assert.equal(row['receivedPerSecond'], 10)
      assert.equal(row['receiptP50'], 50)
      assert.equal(row['storedPerSecond'], null)
      assert.equal(row['lag'], null)
    }
    const times = flow.map(({ time }) => Number(time))
    assert.ok(
      times.every((time, index) => index === 0 || time - (times[index - 1] ?? 0) === 30_000)
    )
  })

  it('answers the fields that are asked for, within the range', async () => {
    const ask = await apiAfter(10)
    const { flow } = await ask<Flow>(
      `/api/v1/flow?from=${T0_MS + 20_000}&to=${T0_MS + 40_000}&fields=time,receivedPerSecond`
    )
    assert.equal(flow.length, 4)
    assert.deepEqual(flow[0], { time: T0_MS + 20_000, receivedPerSecond: 10 })
    assert.deepEqual((await ask<Flow>('/api/v1/flow?from=2100-01-01T00:00:00Z')).flow, [])
  })

  it('is empty without METRICS_URLS', async () => {
    const app = apiOn({})
    assert.deepEqual((await app.inject('/api/v1/flow')).json<Flow>(), { flow: [] })
  })
})

describe('/api/v1/flow-stages', () => {
  it('counts each stage, and says which is not measured and why', async () => {
    const { stages } = await (await apiAfter(13))<Stages>('/api/v1/flow-stages')
    assert.deepEqual(stages[0], {
      stage: 'received',
      service: 'producer',
      state: 'measured',
      perSecond: 10,
      count: 600,
      p50: 50,
      p99: 99
    })
    const stored = stages.find(({ stage }) => stage === 'stored')
    assert.equal(stored?.['state'], 'not asked: METRICS_URLS does not name the consumer')
    assert.equal(stored?.['perSecond'], null)
  })

  it('says that a service is away', async () => {
    const { stages } = await (await apiAfter(13, true))<Stages>('/api/v1/flow-stages')
    assert.equal(stages[0]?.['state'], 'away')
    assert.equal(stages[0]?.['perSecond'], null)
  })
})

describe('/api/v1/flow-processes', () => {
  it('has memory and CPU of each process, and the services that are not asked', async () => {
    const { processes } = await (await apiAfter(3))<Processes>('/api/v1/flow-processes')
    assert.deepEqual(processes[0], {
      service: 'producer',
      address: 'producer:9101',
      state: 'answers',
      answeredAt: T0_MS + 15_000,
      startedAt: 1000,
      memoryBytes: 2048,
      memoryLimitBytes: null,
      cores: 0.1
    })
    assert.deepEqual(
      processes.slice(1).map(({ service }) => service),
      ['consumer', 'api']
    )
  })

  it('shows no memory of a process that is away', async () => {
    const { processes } = await (await apiAfter(13, true))<Processes>('/api/v1/flow-processes')
    assert.equal(processes[0]?.['state'], 'away')
    assert.equal(processes[0]?.['memoryBytes'], null)
    assert.equal(processes[0]?.['answeredAt'], T0_MS + 50_000)
  })
})
