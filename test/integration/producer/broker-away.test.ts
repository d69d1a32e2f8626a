import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import type { KafkaConfig } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { ownBroker, signalTo } from '../../support/own-broker.ts'
import { startScriptedFeed, type ScriptedFeed } from '../../support/scripted-feed.ts'
import {
  acceptedRecords,
  allPublished,
  framesWithoutHole,
  sendFrames,
  startProducerProcess,
  temporaryFolder,
  type ProducerProcess
} from './killed-producer.ts'

/** The stated limit, and what a busy machine may add to it. */
const SPOOL_AFTER_MS = 1000
const MARGIN_MS = 1000

function spooled(producer: ProducerProcess, bytes: number): Promise<void> {
  return eventually(async () => {
    assert.ok(((await producer.metric('spool_bytes')) ?? 0) > bytes)
  })
}

function envOf(kafka: KafkaConfig, feed: ScriptedFeed): Readonly<Record<string, string>> {
  return {
    KAFKA_BROKERS: kafka.brokers.join(','),
    KAFKA_TOPIC: kafka.topic,
    FINNHUB_TOKEN: 'token',
    FINNHUB_URL: feed.url
  }
}

describe('producer while the broker is away', { timeout: 240_000 }, () => {
  it('loses no frame older than the limit when it is killed, nor repeats one', async (t) => {
    const { kafka, server } = await ownBroker(t)
    const feed = await startScriptedFeed(t)
    const dir = await temporaryFolder(t)
    const env = {
      ...envOf(kafka, feed),
      SPOOL_DIR: dir,
      SPOOL_AFTER: `${SPOOL_AFTER_MS}ms`
    }
    const { sent, stop } = sendFrames(t, feed, 5)
    const oldEnough: number[] = []
    const killed = async (producer: ProducerProcess): Promise<void> => {
      const connection = feed.connections.length - 1
      const limitMs = performance.now() - SPOOL_AFTER_MS - MARGIN_MS
      await producer.kill()
      oldEnough.push(
        sent.filter((one) => one.connection === connection && one.atMs < limitMs).length
      )
    }

    const first = startProducerProcess(t, env)
    await eventually(async () => {
      assert.ok(((await first.metric('trades_published_total')) ?? 0) > 500)
    })
    signalTo(server, 'SIGSTOP') // it answers nothing, and no connection breaks
    await spooled(first, 500_000)
    await killed(first)

    // A run that never reaches the broker adds to the spool.
    const second = startProducerProcess(t, env)
    await spooled(second, 1_200_000)
    await killed(second)

    const third = startProducerProcess(t, env)
    await eventually(() => assert.equal(feed.connections.length, 3))
    signalTo(server, 'SIGCONT')
    await eventually(async () =>
      assert.ok(((await third.metric('trades_published_total')) ?? 0) > 0)
    )
    stop()
    await allPublished(third)
    assert.equal(await third.stop(), 0)

    const { records, repeated } = await acceptedRecords(kafka)
    const counts = framesWithoutHole(records)
    const last = sent.filter(({ connection }) => connection === 2).length
    assert.equal(counts.length, 3)
    assert.equal(counts[2], last)
    for (const i of [0, 1]) {
      assert.ok((counts[i] ?? 0) >= (oldEnough[i] ?? 0), `${counts[i]} of ${oldEnough[i]}`)
    }
    t.diagnostic(
      `frames ${counts.join(', ')}; at least ${oldEnough.join(', ')}; ${repeated} repeated`
    )
    assert.ok(repeated <= 1000, 'at most the send in flight')
    assert.deepEqual(
      (await readdir(path.join(dir, kafka.topic))).filter((name) => name.endsWith('.spool')),
      []
    )
  })

  it('publishes everything in order after a broker was killed and came back', async (t) => {
    const { kafka, server } = await ownBroker(t)
    const feed = await startScriptedFeed(t)
    const dir = await temporaryFolder(t)
    const producer = startProducerProcess(t, {
      ...envOf(kafka, feed),
      SPOOL_DIR: dir
    })
    const { sent, stop } = sendFrames(t, feed, 5)
    await eventually(async () => {
      assert.ok(((await producer.metric('trades_published_total')) ?? 0) > 500)
    })
    const pid = signalTo(server, 'SIGKILL')
    await spooled(producer, 10_000)
    const notReady = await producer.readiness()
    assert.match(notReady, /"ready":false/)
    assert.match(notReady, /the spool holds \d+ KiB that Kafka does not have yet/)
    await eventually(() => assert.notEqual(server.current().pid, pid))
    stop()
    await allPublished(producer)
    await eventually(async () => assert.match(await producer.readiness(), /"ready":true/))
    const { records, repeated } = await acceptedRecords(kafka)
    assert.deepEqual(framesWithoutHole(records), [sent.length])
    t.diagnostic(`${sent.length} frames, ${repeated} repeated`)
    assert.equal(await producer.stop(), 0)
  })

  it('keeps its records when it is stopped, and exits with 0', async (t) => {
    const { kafka, server } = await ownBroker(t)
    const feed = await startScriptedFeed(t)
    const dir = await temporaryFolder(t)
    const env = {
      ...envOf(kafka, feed),
      SPOOL_DIR: dir,
      SPOOL_AFTER: '1h' // nothing goes to disk by its age
    }
    const first = startProducerProcess(t, env)
    const { sent, stop } = sendFrames(t, feed, 2)
    await eventually(async () => {
      assert.ok(((await first.metric('trades_published_total')) ?? 0) > 50)
    })
    signalTo(server, 'SIGSTOP')
    const before = sent.length
    await eventually(() => assert.ok(sent.length > before + 300))
    stop()
    await eventually(async () => {
      assert.equal(await first.metric('trades_received_total'), 2 * sent.length)
    })
    assert.equal(await first.stop(), 0)
    signalTo(server, 'SIGCONT')
    const second = startProducerProcess(t, env)
    await eventually(() => assert.equal(feed.connections.length, 2))
    await allPublished(second)
    const { records } = await acceptedRecords(kafka)
    assert.deepEqual(framesWithoutHole(records), [sent.length])
    assert.equal(await second.stop(), 0)
  })
})
