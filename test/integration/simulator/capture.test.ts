import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { once } from 'node:events'
import { hasCode } from '@tapedeck/core'
import { TestClock } from '../../support/test-clock.ts'
import { aClient, aSimulator, aTapeFile, until } from './feed-client.ts'

const options = { timeout: 60_000 }
const START_MS = 1_764_000_600_000

interface Captured {
  readonly afterMs: number
  readonly connection?: string
  readonly text: string
}

/** Lines as in a producer's capture; frames are numbered from 1 on each connection. */
function captureLines(frames: readonly Captured[]): string[] {
  const numbers = new Map<string, number>()
  return frames.map(({ afterMs, connection = '0mabc', text }) => {
    const n = (numbers.get(connection) ?? 0) + 1
    numbers.set(connection, n)
    return `${JSON.stringify({ t: START_MS + afterMs, c: connection, n, f: text })}\n`
  })
}

const aTrade = (index: number): string =>
  `{"data":[{"c":["1"],"p":${100 + index}.50,"s":"AAPL","t":${START_MS + index},"v":${index + 1}}],"type":"trade"}`

/** Every kind of frame that a feed may send, also those that no tape can hold. */
const ODD = [
  '{"type":"ping"}',
  '{ "type" : "trade","data":[{"s":"AAPL","p":1e2,"t":1764000600000,"v":8e-05}]}',
  '{"data":[{"c":null,"p":"100","s":"AAPL","t":1,"v":1},{"s":7}],"type":"trade"}',
  '{"type":"trade"}',
  '{"type":"error","msg":"Subscribing to too many symbols"}',
  '{"data":[{"c":["1"],"p":1',
  'Bad Gateway\n\u2028 \\"é\u0000',
  '',
  '{"data":[],"type":"weather"}'
]

describe('the simulator plays a capture', () => {
  it('sends byte-equal texts in order, without its own pings in between', options, async (t) => {
    const texts = ODD.flatMap((text, index) => [aTrade(index), text])
    const lines = captureLines(texts.map((text, index) => ({ afterMs: index * 20, text })))
    const members = lines.map((line) => gzipSync(line)) // a flushed writer has many
    const simulator = await aSimulator(t, {
      SIMULATOR_FILE: aTapeFile(t, Buffer.concat(members)),
      SIMULATOR_PING: '10ms',
      SIMULATOR_START: 'quiet:100ms'
    })
    const client = await aClient(t, simulator.url)
    client.subscribe('AAPL')
    await until('the capture ended', () => simulator.stats().tapeEnded)
    await until('all came', () => client.texts.length > texts.length)
    assert.deepEqual(client.texts.slice(0, texts.length), texts)
    assert.equal(client.texts[texts.length], '{"type":"ping"}') // its own pings continue afterwards
  })

  it('keeps the recorded gaps, N times as fast, or none of them', options, async (t) => {
    const gaps = [0, 300, 300, 600, 1500]
    const lines = captureLines(gaps.map((afterMs, index) => ({ afterMs, text: aTrade(index) })))
    const file = aTapeFile(t, lines.join(''))
    for (const speed of ['1', '3', 'max']) {
      const clock = new TestClock()
      const env = { SIMULATOR_FILE: file, SIMULATOR_SPEED: speed }
      const simulator = await aSimulator(t, env, clock)
      const client = await aClient(t, simulator.url)
      client.subscribe('AAPL')
      await until('the capture waits for quiet', () => clock.waiting === 1)
      await clock.advance(200)
      let playedMs = 0
      for (const gapMs of new Set(gaps)) {
        const dueMs = speed === 'max' ? 0 : gapMs / Number(speed)
        if (dueMs > playedMs) {
          await clock.advance(dueMs - playedMs - 1)
          assert.ok(simulator.stats().framesSent === gaps.filter((one) => one < gapMs).length)
          await clock.advance(1)
          playedMs = dueMs
        }
        const expected = gaps.filter((one) => one <= gapMs).length
        await until(`frames of ${gapMs} ms`, () => simulator.stats().framesSent >= expected)
      }
      await until('all came', () => client.texts.length === gaps.length)
    }
  })

  it(
    'ends the connection where the captured one ended, and waits for the next',
    options,
    async (t) => {
      const frames = Array.from({ length: 60 }, (_, index) => ({
        afterMs: index * 10,
        connection: `0m${Math.floor(index / 20)}`,
        text: aTrade(index)
      }))
      const simulator = await aSimulator(t, {
        SIMULATOR_FILE: aTapeFile(t, gzipSync(captureLines(frames).join(''))),
        SIMULATOR_SPEED: 'max'
      })
      for (const part of [0, 20, 40]) {
        const client = await aClient(t, simulator.url)
        client.subscribe('AAPL')
        if (part < 40) assert.equal(((await once(client.socket, 'close')) as [number])[0], 1012)
        else await until('the last part came', () => client.texts.length === 20)
        assert.deepEqual(
          client.texts,
          frames.slice(part, part + 20).map(({ text }) => text)
        )
      }
      assert.equal(simulator.stats().framesSent, 60)
    }
  )

  it('plays the complete lines of a capture whose writer was killed', options, async (t) => {
    const texts = Array.from({ length: 200 }, (_, index) => aTrade(index))
    const lines = captureLines(texts.map((text, index) => ({ afterMs: index, text })))
    const whole = gzipSync(lines.slice(0, 100).join(''))
    const torn = gzipSync(lines.slice(100).join(''))
    for (const length of [1, 9, 15, 40, torn.length - 9, torn.length - 1]) {
      const file = aTapeFile(t, Buffer.concat([whole, torn.subarray(0, length)]))
      const simulator = await aSimulator(t, { SIMULATOR_FILE: file, SIMULATOR_SPEED: 'max' })
      const client = await aClient(t, simulator.url)
      client.subscribe('AAPL')
      await until('it ended', () => simulator.stats().tapeEnded)
      await until('all came', () => client.texts.length >= simulator.stats().framesSent)
      assert.ok(client.texts.length >= 100, `${client.texts.length} frames with ${length} bytes`)
      assert.deepEqual(client.texts, texts.slice(0, client.texts.length))
    }
  })

  it('ends the service at an invalid line, named by its number', options, async (t) => {
    const good = captureLines([{ afterMs: 0, text: aTrade(0) }])
    for (const [bad, problem] of [
      ['{"t":1,"c":"x","n":1.5,"f":""}', /line 2: found n is no whole number/],
      ['{"t":"1","c":"x","n":1,"f":""}', /line 2: found t is no whole number/],
      ['{"t":1,"n":1,"f":""}', /line 2: found c is no text/],
      ['{"t":1,"c":"x","n":1}', /line 2: found f is no text/],
      ['{"t":1', /line 2: found no JSON/]
    ] as const) {
      const simulator = await aSimulator(t, {
        SIMULATOR_FILE: aTapeFile(t, `${good.join('')}${bad}\n`),
        SIMULATOR_SPEED: 'max'
      })
      const client = await aClient(t, simulator.url)
      client.subscribe('AAPL')
      const failure = await simulator.stopped
      assert.ok(failure !== undefined && hasCode(failure.error, 'TAPE_INVALID'))
      assert.match(failure.error.message, problem)
    }
  })
})
