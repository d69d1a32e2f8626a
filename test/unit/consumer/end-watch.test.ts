import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EndWatch, type ReadPosition } from '@tapedeck/consumer/testing'

/** A watch over partition 0 with time and broker in the hands of the test. */
function watched(position: Partial<ReadPosition> = {}) {
  /** The second is the clock of the producer. */
  const now = { monotonicMs: 0, epochMs: 1_000_000 }
  const broker = { start: 0, end: 10, isAway: false }
  const read: ReadPosition = { partition: 0, nextOffset: 10, readAtMs: 0, ...position }
  const watch = new EndWatch({
    ends: {
      look: () =>
        broker.isAway
          ? Promise.reject(new Error('no answer'))
          : Promise.resolve(new Map([[0, { low: broker.start, high: broker.end }]]))
    },
    positions: () => [read],
    monotonicMs: () => now.monotonicMs
  })
  let countedMs = 0
  let untilMs = 0
  return {
    now,
    broker,
    watch,
    /** Seconds pass, with a look in each. */
    async pass(seconds: number): Promise<void> {
      for (let i = 0; i < seconds; i++) {
        now.monotonicMs += 1000
        now.epochMs += 1000
        await watch.look()
      }
    },
    /** All idleness until now, ms. */
    idle(): number {
      const idle = watch.idleSince(read, untilMs)
      untilMs = idle.untilMs
      countedMs += idle.idleMs
      return countedMs
    }
  }
}

describe('EndWatch', () => {
  it('counts the time in which a partition was read to its end, once', async () => {
    const { pass, idle } = watched()
    await pass(3)
    assert.equal(idle(), 3000)
    assert.equal(idle(), 3000)
    await pass(2)
    assert.equal(idle(), 5000)
  })

  it('counts nothing while records wait, before the last record, or without a look', async () => {
    const waiting = watched({ nextOffset: 9 })
    await waiting.pass(3)
    assert.equal(waiting.idle(), 0)
    const justRead = watched({ readAtMs: 2500 })
    await justRead.pass(3)
    assert.equal(justRead.idle(), 500)
    assert.equal(watched().idle(), 0)
  })

  it('does not follow a jump of the clock of the host', async () => {
    const { pass, idle, now } = watched()
    await pass(2)
    now.epochMs += 3_600_000
    await pass(1)
    assert.equal(idle(), 3000)
  })

  it('counts nothing of an interruption, nor until records received after it arrive', async () => {
    const { pass, idle, broker, watch, now } = watched()
    watch.noteRecord(now.epochMs)
    await pass(2)
    broker.isAway = true
    await pass(20)
    broker.isAway = false
    assert.equal(idle(), 2000)
    await pass(5)
    watch.noteRecord(now.epochMs - 20_000) // it waited for the broker
    await pass(5)
    assert.equal(idle(), 2000)
    watch.noteRecord(now.epochMs)
    await pass(3)
    assert.equal(idle(), 5000)
  })

  it('tells by records alone when those that waited have come', async () => {
    const { pass, idle, broker, watch, now } = watched()
    now.epochMs -= 3_600_000 // the producer's clock is behind, as every record shows
    watch.noteRecord(now.epochMs)
    await pass(1)
    assert.equal(idle(), 1000)
    broker.isAway = true
    await pass(10)
    broker.isAway = false
    await pass(5)
    watch.noteRecord(now.epochMs - 6000) // it waited for the broker
    await pass(5)
    assert.equal(idle(), 1000)
    watch.noteRecord(now.epochMs)
    await pass(2)
    assert.equal(idle(), 3000)
  })

  it('goes on half a minute after an interruption when no record arrives', async () => {
    const { pass, idle, broker } = watched()
    await pass(1)
    assert.equal(idle(), 1000)
    broker.isAway = true
    await pass(10)
    broker.isAway = false
    await pass(31)
    assert.equal(idle(), 1000)
    await pass(4)
    assert.equal(idle(), 5000)
  })

  it('says that the broker is silent, and which partition is stuck', async () => {
    const away = watched()
    away.broker.isAway = true
    await away.pass(9)
    assert.deepEqual(away.watch.problems(), [])
    await away.pass(2)
    assert.deepEqual(away.watch.problems(), ['Kafka has not answered for 11 s: no answer'])
    const stuck = watched({ nextOffset: 7 })
    await stuck.pass(60)
    assert.deepEqual(stuck.watch.problems(), [])
    await stuck.pass(1)
    assert.deepEqual(stuck.watch.problems(), [
      'nothing was read of partition 0 for 60 s, although 3 records wait'
    ])
  })

  it('takes removed records for neither waiting nor read, and says how many there are', async () => {
    const removed = watched({ nextOffset: 7 })
    removed.broker.start = 10
    await removed.pass(62)
    assert.deepEqual(removed.watch.problems(), [
      '3 records of partition 0 were removed before they were read'
    ])
    // Its bars are not kept open by them.
    assert.equal(removed.idle(), 62_000)
    removed.broker.end = 12
    await removed.pass(61)
    assert.equal(removed.watch.problems().length, 2)
    assert.equal(removed.idle(), 62_000)
  })

  it('tells when a partition ends before an offset; an unseen one does not', async () => {
    const { watch, broker } = watched()
    assert.equal(watch.endsBefore(0, 5), false)
    assert.equal(await watch.look(), true)
    assert.deepEqual([watch.endsBefore(0, 10), watch.endsBefore(0, 11)], [false, true])
    broker.isAway = true
    assert.equal(await watch.look(), false)
  })
})
