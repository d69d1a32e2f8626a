import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '@tapedeck/core'
import { FlowRecorder, type FlowTarget } from '../../../../services/api/src/flow/recorder.ts'

/** A service whose text the test sets; an error in its place is thrown. */
class Service implements FlowTarget {
  readonly service: string
  readonly url: string
  answer: string | Error = ''

  constructor(service: string, url = `http://${service}:1/metrics`) {
    this.service = service
    this.url = url
  }

  read(): Promise<string> {
    if (this.answer instanceof Error) return Promise.reject(this.answer)
    return Promise.resolve(this.answer)
  }
}

const producer = (trades: number, startedAt = 100): string =>
  `process_start_time_seconds ${startedAt}\ntapedeck_trades_received_total ${trades}\ntapedeck_spool_bytes 8\n`
const consumer = (trades: number, lag = 0): string =>
  `process_start_time_seconds 100\ntapedeck_trades_stored_total ${trades}\ntapedeck_consumer_lag_records{partition="0"} ${lag}\n`

function recorderOf(targets: readonly FlowTarget[]) {
  let nowMs = 1_000_000
  const recorder = new FlowRecorder(targets, { ...systemClock, now: () => nowMs }, () => nowMs)
  return {
    recorder,
    /** Reads all once, 5 s after the last time. */
    async next(afterMs = 5000): Promise<void> {
      nowMs += afterMs
      await recorder.measure()
    }
  }
}

describe('FlowRecorder', () => {
  it('keeps what was counted between readings, of all processes of a service together', async () => {
    const [one, two, other] = [
      new Service('producer'),
      new Service('consumer'),
      new Service('consumer')
    ]
    const { recorder, next } = recorderOf([one, two, other])
    for (const [trades, stored] of [
      [1000, 700],
      [1100, 750]
    ] as const) {
      one.answer = producer(trades)
      two.answer = consumer(stored, 3)
      other.answer = consumer(stored, 4)
      await next()
    }
    const [moment, ...more] = recorder.moments
    assert.equal(more.length, 0, 'the first reading has nothing to differ from')
    assert.equal(moment?.counts.received, 100)
    assert.equal(moment.counts.stored, 100)
    assert.equal(moment.gauges.lag, 7)
    assert.equal(moment.gauges.spooledBytes, 8)
    assert.deepEqual(moment.seconds, { producer: 5, consumer: 5 })
    assert.equal(moment.counts.streamed, null, 'no api is asked')
  })

  it('says that a process is away, and counts nothing of its service meanwhile', async () => {
    const [one, two] = [new Service('producer'), new Service('consumer')]
    const { recorder, next } = recorderOf([one, two])
    one.answer = producer(1000)
    two.answer = consumer(1000)
    await next()
    one.answer = producer(1100)
    two.answer = new Error('connection refused')
    await next()
    assert.equal(recorder.moments.at(-1)?.counts.received, 100)
    assert.equal(recorder.moments.at(-1)?.counts.stored, null)
    assert.equal(recorder.moments.at(-1)?.gauges.lag, null)
    assert.equal(recorder.processes[1]?.problem, 'connection refused')
    assert.equal(recorder.processes[1]?.answeredAt, 1_005_000)

    one.answer = producer(1200)
    two.answer = consumer(1200)
    await next()
    assert.equal(recorder.moments.at(-1)?.counts.stored, 200, 'it caught up while it was away')
    assert.deepEqual(recorder.moments.at(-1)?.seconds, { producer: 5, consumer: 10 })
    assert.equal(recorder.processes[1]?.problem, undefined)
  })

  it('counts from 0 after a restart', async () => {
    const one = new Service('producer')
    const { recorder, next } = recorderOf([one])
    for (const text of [producer(5000), producer(30, 200), producer(50, 200)]) {
      one.answer = text
      await next()
    }
    assert.deepEqual(
      recorder.moments.map(({ counts }) => counts.received),
      [30, 20]
    )
  })

  it('keeps an hour and no more', async () => {
    const one = new Service('producer')
    one.answer = producer(1)
    const { recorder, next } = recorderOf([one])
    for (let i = 0; i < 800; i++) await next()
    assert.equal(recorder.moments.length, 720)
    await next(3_600_000)
    assert.equal(recorder.moments.length, 1)
  })
})
