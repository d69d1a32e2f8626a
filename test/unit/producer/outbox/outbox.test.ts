import assert from 'node:assert/strict'
import { open, stat } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { hasCode } from '@tapedeck/core'
import { GAP_KEY, type GapRecord } from '@tapedeck/domain'
import { eventually } from '../../../support/eventually.ts'
import {
  asKilled,
  frameOf,
  frames,
  openOutbox,
  ScriptedBroker,
  segmentFiles,
  temporaryFolder
} from './outbox-harness.ts'

const numbers = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + i)
const LONG_MS = 10_000

/** Overwrites one byte, counted from the end of the file. */
async function damage(file: string, fromEnd: number): Promise<void> {
  const { size } = await stat(file)
  const handle = await open(file, 'r+')
  await handle.write(Buffer.from([0]), 0, 1, size + fromEnd)
  await handle.close()
}

describe('Outbox', { timeout: 60_000 }, () => {
  it('does not use the disk while sends succeed', async (t) => {
    const broker = new ScriptedBroker()
    const dir = await temporaryFolder(t)
    const { outbox, metric, drained } = await openOutbox(t, broker, dir, { spoolAfterMs: LONG_MS })
    for (let i = 1; i <= 200; i++) await outbox.add(frames(i * 10, 10))
    await drained()
    assert.deepEqual(broker.taken.map(frameOf), numbers(10, 2000))
    assert.equal(await metric('records_spooled_total'), 0)
    assert.deepEqual(await segmentFiles(dir), [])
  })

  it('sends the records of one frame together', async (t) => {
    const broker = new ScriptedBroker()
    const { outbox, drained } = await openOutbox(t, broker, await temporaryFolder(t))
    await outbox.add(frames(1, 10))
    await drained()
    assert.equal(broker.sends, 1)
  })

  it('knows the oldest record that a kill would lose: in memory, in flight, or being written to disk', async (t) => {
    const broker = new ScriptedBroker()
    broker.mood = 'hangs'
    const dir = await temporaryFolder(t)
    const { outbox, drained } = await openOutbox(t, broker, dir, { spoolAfterMs: 200 })
    assert.equal(outbox.exposedSinceMs, undefined)
    await outbox.add(frames(1, 2, 1000))
    await outbox.add(frames(3, 2, 2000))
    assert.equal(outbox.exposedSinceMs, 1000)
    // Checked at every turn: no record is exposed only once the spool holds all of them.
    await eventually(
      async () => {
        const since = outbox.exposedSinceMs
        const isOnDisk = (await segmentFiles(dir)).length > 0 && outbox.depth.records === 0
        assert.ok(since === undefined ? isOnDisk : since === 1000 || since === 2000)
        assert.equal(since, undefined)
      },
      { everyMs: 1 }
    )
    await outbox.add(frames(5, 1, 3000))
    assert.equal(outbox.exposedSinceMs, 3000)
    broker.wake('takes')
    await drained()
    assert.equal(outbox.exposedSinceMs, undefined)
  })

  it('knows the frame after which a kill would lose something, not only when the next one came', async (t) => {
    const broker = new ScriptedBroker()
    broker.mood = 'hangs'
    const dir = await temporaryFolder(t)
    const { outbox, drained } = await openOutbox(t, broker, dir, { spoolAfterMs: LONG_MS })
    assert.equal(outbox.safeUntilMs, undefined)
    // The one before it may have had no records, such as a ping.
    await outbox.add(frames(1, 2, 1040), 1001)
    await outbox.add(frames(3, 1, 1090), 1040)
    assert.equal(outbox.safeUntilMs, 1001)
    broker.wake('takes')
    await drained()
    assert.equal(outbox.safeUntilMs, undefined)
    broker.mood = 'hangs'
    // The clock was set back, and nothing is known of a frame before.
    await outbox.add(frames(4, 1, 900), 1090)
    assert.equal(outbox.safeUntilMs, 900)
    broker.wake('takes')
    await drained()
    broker.mood = 'hangs'
    await outbox.add(frames(5, 1, 950))
    assert.equal(outbox.safeUntilMs, 949)
    broker.wake('takes')
    await drained()
  })

  it('makes the feed wait, without the disk, when memory is full and sends succeed', async (t) => {
    const broker = new ScriptedBroker()
    broker.mood = 'hangs'
    const { outbox, metric, drained } = await openOutbox(t, broker, await temporaryFolder(t), {
      spoolAfterMs: LONG_MS
    })
    const adding = outbox.add(frames(1, 12_000))
    await eventually(() => assert.ok(outbox.depth.records >= 4000))
    assert.ok(outbox.depth.records <= 5000, 'the others wait in the feed')
    broker.wake('takes')
    await adding
    await drained()
    assert.deepEqual(broker.taken.map(frameOf), numbers(1, 12_000))
    assert.equal(await metric('records_spooled_total'), 0)
    assert.equal(await metric('records_lost_total'), 0)
    assert.equal(broker.taken.length, 12_000)
  })

  it('writes records that wait too long to disk, in order, including the batch in flight', async (t) => {
    const broker = new ScriptedBroker()
    broker.mood = 'hangs'
    const dir = await temporaryFolder(t)
    const first = await openOutbox(t, broker, dir)
    for (let i = 1; i <= 300; i++) await first.outbox.add(frames(i, 1))
    // Checked at every turn: memory counts its records until the disk has all of them.
    await eventually(() => assert.equal(first.outbox.depth.records, 0), { everyMs: 1 })
    assert.equal(await first.metric('records_spooled_total'), 300)
    assert.equal(await first.metric('queued_records'), 0)
    // Killed here: the next run finds all of it.
    const next = new ScriptedBroker()
    const second = await openOutbox(t, next, await asKilled(t, dir))
    await second.outbox.add(frames(301, 5))
    await second.drained()
    assert.deepEqual(next.taken.map(frameOf), numbers(1, 305))
  })

  it('sends each record once and in order when the broker comes back', async (t) => {
    const broker = new ScriptedBroker()
    broker.mood = 'hangs'
    const dir = await temporaryFolder(t)
    const { outbox, metric, drained } = await openOutbox(t, broker, dir)
    await outbox.add(frames(1, 2500))
    await eventually(async () => assert.equal(await metric('records_spooled_total'), 2500))
    broker.wake('takes') // the send in flight succeeds after all
    await outbox.add(frames(2501, 2500))
    await drained()
    assert.deepEqual(broker.taken.map(frameOf), numbers(1, 5000))
    assert.deepEqual(await segmentFiles(dir), [])
    // Sent directly again: the disk is not touched.
    await outbox.add(frames(5001, 100))
    await drained()
    assert.equal(broker.taken.length, 5100)
    assert.deepEqual(await segmentFiles(dir), [])
  })

  it('keeps the order when memory overflows again and again behind a spool', async (t) => {
    const broker = new ScriptedBroker()
    broker.mood = 'away'
    const { outbox, metric, drained } = await openOutbox(t, broker, await temporaryFolder(t))
    await outbox.add(frames(1, 30_000))
    assert.ok((await metric('records_spooled_total')) >= 26_000)
    broker.mood = 'takes'
    await outbox.add(frames(30_001, 10_000))
    await drained()
    assert.deepEqual(broker.taken.map(frameOf), numbers(1, 40_000))
  })

  it('drops the newest records when the spool is full, counts them and publishes a gap instead', async (t) => {
    const broker = new ScriptedBroker()
    broker.mood = 'away'
    const { outbox, drained, metric } = await openOutbox(t, broker, await temporaryFolder(t), {
      maxBytes: 300_000
    })
    await outbox.add(frames(1, 20_000, 5000))
    const lost = await metric('records_lost_total{reason="spool_full"}')
    assert.ok(lost > 10_000, `${lost} lost`)
    assert.equal(await metric('trades_lost_total{reason="spool_full"}'), lost)
    assert.ok(hasCode(outbox.failure, 'SPOOL_FULL') || hasCode(outbox.failure, 'PUBLISH_FAILED'))
    broker.mood = 'takes'
    await eventually(() => assert.ok(outbox.depth.records < 4000))
    await outbox.add(frames(20_001, 10, 6000))
    await drained()
    const gaps = broker.taken.filter(({ key }) => key === GAP_KEY)
    assert.deepEqual(
      gaps.map(({ partition }) => partition),
      [0, 1, 2]
    )
    for (const { value } of gaps) {
      const { id: _id, at: _at, ...gap } = JSON.parse(value) as GapRecord
      assert.deepEqual(gap, {
        version: 1,
        kind: 'gap',
        feed: 'finnhub',
        fromMs: 5000,
        toMs: 5000,
        cause: 'received, but neither the broker nor the spool took it',
        symbols: ['AAPL', 'MSFT']
      })
    }
    const kept = numbers(1, 20_000 - lost)
    const announced = [undefined, undefined, undefined] // on each of three partitions
    assert.deepEqual(broker.taken.map(frameOf), [...kept, ...announced, ...numbers(20_001, 10)])
    assert.equal(outbox.failure, undefined)
  })

  it('sends all but the one record that the broker refuses, which becomes a dead letter', async (t) => {
    const broker = new ScriptedBroker()
    broker.poison = (record) => frameOf(record) === 777
    const { outbox, refused, metric, drained } = await openOutbox(
      t,
      broker,
      await temporaryFolder(t)
    )
    await outbox.add(frames(1, 1500))
    await drained()
    assert.deepEqual(
      broker.taken.map(frameOf),
      numbers(1, 1500).filter((number) => number !== 777)
    )
    assert.equal(refused.length, 1)
    assert.equal(frameOf({ value: refused[0]!.raw }), 777)
    assert.match(refused[0]!.reason, /^the broker refuses the record: .*TOO_LARGE/)
    assert.equal(await metric('records_published_total'), 1499)
  })

  it('leaves records that it cannot send before it closes to the next run', async (t) => {
    for (const mood of ['hangs', 'away'] as const) {
      const broker = new ScriptedBroker()
      broker.mood = mood
      const dir = await temporaryFolder(t)
      const { outbox } = await openOutbox(t, broker, dir, { spoolAfterMs: LONG_MS })
      await outbox.add(frames(1, 1700))
      await outbox.close(50)
      await assert.rejects(outbox.add(frames(1701, 1)), { code: 'QUEUE_CLOSED' })
      const next = new ScriptedBroker()
      const second = await openOutbox(t, next, dir)
      await second.drained()
      assert.deepEqual(next.taken.map(frameOf), numbers(1, 1700))
    }
  })

  it('counts records that neither broker nor spool accepts before it closes, and unlocks the folder', async (t) => {
    const broker = new ScriptedBroker()
    broker.mood = 'away'
    const dir = await temporaryFolder(t)
    const { outbox, metric } = await openOutbox(t, broker, dir, { maxBytes: 100_000 })
    await outbox.add(frames(1, 5000))
    const given = await metric('records_lost_total{reason="spool_full"}')
    assert.ok(given > 0)
    await assert.rejects(outbox.close(50), { code: 'SPOOL_FULL' })
    const stopped = await metric('records_lost_total{reason="stopped"}')
    assert.ok(stopped >= 4000, `${stopped} lost`)
    const next = new ScriptedBroker()
    await (await openOutbox(t, next, dir)).drained()
    assert.deepEqual(next.taken.map(frameOf), numbers(1, next.taken.length))
    assert.ok(next.taken.length + given + stopped >= 5000)
  })

  it('publishes a gap for a damaged part of the spool', async (t) => {
    const broker = new ScriptedBroker()
    broker.mood = 'away'
    const dir = await temporaryFolder(t)
    const first = await openOutbox(t, broker, dir)
    await first.outbox.add(frames(1, 3, 1000))
    await first.outbox.close(0)
    const [file = ''] = await segmentFiles(dir)
    const second = await openOutbox(t, broker, dir)
    await second.outbox.add(frames(4, 1, 9000))
    await second.outbox.close(0)
    await damage(path.join(dir, file), -20)
    const next = new ScriptedBroker()
    await (await openOutbox(t, next, dir)).drained()
    const trades = next.taken.filter(({ key }) => key !== GAP_KEY)
    assert.deepEqual(trades.map(frameOf), [1, 2, 4])
    const gaps = next.taken.filter(({ key }) => key === GAP_KEY)
    assert.equal(gaps.length, 3)
    const { fromMs, toMs, symbols } = JSON.parse(gaps[0]?.value ?? '') as GapRecord
    assert.deepEqual({ fromMs, toMs, symbols }, { fromMs: 1000, toMs: 9000, symbols: [] })
  })

  it('loses nothing over many runs with a broker that comes and goes', async (t) => {
    const broker = new ScriptedBroker()
    const dir = await temporaryFolder(t)
    let frame = 1
    for (let run = 0; run < 8; run++) {
      const { outbox } = await openOutbox(t, broker, dir, { spoolAfterMs: 1 + run * 3 })
      for (let step = 0; step < 12; step++) {
        if (step % 4 === run % 4) broker.mood = 'hangs'
        else broker.wake(step % 3 === 0 ? 'away' : 'takes')
        const count = 1 + ((frame * 31 + step) % 700)
        await outbox.add(frames(frame, count))
        frame += count
        await new Promise((resolve) => setImmediate(resolve))
      }
      await outbox.close(20)
    }
    broker.wake('takes')
    const { drained } = await openOutbox(t, broker, dir)
    await drained()
    // A send that was given up may have reached the broker: records may repeat, but keep their order.
    assert.deepEqual([...new Set(broker.taken.map(frameOf))], numbers(1, frame - 1))
  })
})
