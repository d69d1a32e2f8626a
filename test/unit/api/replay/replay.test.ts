import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { OWN_FORMAT, Replay, REPLAYED, type RowSource, type TimedRow } from '@tapedeck/api/testing'
import { TapedeckError } from '@tapedeck/core'
import fc from 'fast-check'
import { TestClock } from '../../../support/test-clock.ts'

// Goal: whatever is asked of a replay and however its rows are read, each row comes once, in order, at its time.
// Method: sources in memory with pages and failures of any kind, a clock of the test's own, and a second account of the time.

const FROM_MS = 1_000_000
const LENGTH_MS = 20_000
const TO_MS = FROM_MS + LENGTH_MS
const STEP_MS = 10
/** Rows that are due within 5 ms of one another share a message. */
const LATE_MS = 5 + STEP_MS

interface Given {
  readonly channel: (typeof REPLAYED)[number]
  readonly timesMs: readonly number[]
  readonly page: number
  /** Reads that fail before they succeed, by their number. */
  readonly failing: readonly number[]
}

interface Message {
  readonly type: string
  readonly time?: number
  readonly state?: string
  readonly reason?: string
  readonly answer?: string
  readonly sent?: Readonly<Record<string, number>>
  readonly bars?: readonly string[]
  readonly forecasts?: readonly string[]
  readonly trades?: readonly string[]
}

interface Known extends TimedRow {
  readonly name: string
}

const rowsOf = ({ channel, timesMs }: Given, index: number): Known[] =>
  timesMs
    .toSorted((a, b) => a - b)
    .map((offsetMs, at) => {
      const name = `${channel}-${index}-${at}`
      return { name, timeMs: FROM_MS + offsetMs, text: JSON.stringify(name) }
    })

/** All rows in the order in which they are to come. */
function inOrder(given: readonly Given[]): readonly Known[] {
  const sorted = given.toSorted((a, b) => REPLAYED.indexOf(a.channel) - REPLAYED.indexOf(b.channel))
  return sorted.flatMap(rowsOf).toSorted((a, b) => a.timeMs - b.timeMs)
}

function sourceOf(given: Given, rows: readonly TimedRow[]): RowSource {
  let [at, reads] = [0, 0]
  return {
    channel: given.channel,
    async next() {
      await turn()
      if (given.failing.includes(reads++)) throw new TapedeckError('DATABASE_UNREACHABLE', 'away')
      const page = rows.slice(at, at + given.page)
      at += page.length
      return page
    },
    close: async () => undefined
  }
}

function playing(given: readonly Given[], speed: number | 'max') {
  const clock = new TestClock()
  const messages: Message[] = []
  const outlet = {
    format: OWN_FORMAT,
    bufferedBytes: 0,
    send: (text: string | Buffer) => void messages.push(JSON.parse(String(text)) as Message),
    close: () => undefined
  }
  const sorted = given.toSorted((a, b) => REPLAYED.indexOf(a.channel) - REPLAYED.indexOf(b.channel))
  const selection = { channels: REPLAYED, symbols: ['*'], timeframes: ['1m'] }
  const request = { type: 'replay', id: 1, selection, fromMs: FROM_MS, toMs: TO_MS, speed } as const
  const replay = new Replay(request, {
    open: (fromMs) =>
      sorted.map((one, index) =>
        sourceOf(
          one,
          rowsOf(one, index).filter(({ timeMs }) => timeMs >= fromMs)
        )
      ),
    outlet,
    clock,
    monotonicMs: () => clock.now(),
    signal: new AbortController().signal
  })
  let isOver = false
  const running = replay.run().then(() => {
    isOver = true
    return undefined
  })
  /** Until it waits for nothing but time. */
  const rest = async (): Promise<void> => {
    const isBusy = (): boolean => clock.waiting === 0 && !isOver
    for (let turns = 0; turns < 8 || isBusy(); turns++) await turn()
  }
  return {
    clock,
    messages,
    outlet,
    running,
    obey: (command: Command) => replay.obey({ ...command, id: 1 }),
    async step(ms = STEP_MS) {
      await rest()
      await clock.advance(ms)
      await rest()
    },
    isOver: () => isOver
  }
}

const namesOf = ({ bars = [], forecasts = [], trades = [] }: Message): readonly string[] => [
  ...bars,
  ...forecasts,
  ...trades
]

const sources = fc.array(
  fc.record({
    channel: fc.constantFrom(...REPLAYED),
    timesMs: fc.array(fc.nat(LENGTH_MS - 1), { maxLength: 60 }),
    page: fc.integer({ min: 1, max: 20 }),
    failing: fc.constant<number[]>([])
  }),
  { minLength: 1, maxLength: 4 }
)
const failingSources = sources.chain((list) =>
  fc.tuple(
    ...list.map((one) =>
      fc.array(fc.nat(6), { maxLength: 3 }).map((failing) => ({ ...one, failing }))
    )
  )
)
type Command =
  | { readonly type: 'pause' | 'play' }
  | { readonly type: 'seek'; readonly timeMs: number }
  | { readonly type: 'speed'; readonly speed: number | 'max' }
const speeds = fc.constantFrom(0.5, 1, 7, 60, 1000)
const commands = (speed: fc.Arbitrary<number | 'max'>): fc.Arbitrary<readonly Command[]> =>
  fc.array(
    fc.oneof(
      fc.constant<Command>({ type: 'pause' }),
      fc.constant<Command>({ type: 'play' }),
      fc.nat(LENGTH_MS - 1).map((ms): Command => ({ type: 'seek', timeMs: FROM_MS + ms })),
      speed.map((one): Command => ({ type: 'speed', speed: one }))
    ),
    { maxLength: 6 }
  )

describe('Replay', () => {
  it('sends each row once and in order, whatever is asked of it and whatever fails', async () => {
    const speed = fc.oneof(speeds, fc.constant('max' as const))
    await fc.assert(
      fc.asyncProperty(failingSources, speed, commands(speed), async (given, first, asked) => {
        const { messages, obey, step, isOver, running } = playing(given, first)
        for (const command of asked) {
          await step()
          if (isOver()) break
          obey(command)
        }
        if (!isOver()) obey({ type: 'speed', speed: 'max' })
        if (!isOver()) obey({ type: 'play' })
        for (let steps = 0; !isOver() && steps < 100; steps++) await step(1000)
        await running
        const expected = inOrder(given)
        const answers = asked.values()
        let at = 0
        let count = 0
        for (const message of messages) {
          for (const name of namesOf(message)) {
            assert.equal(name, expected[at++]?.name)
            count++
          }
          if (message.answer === undefined) continue
          const command = answers.next().value
          if (command?.type !== 'seek') continue
          const next = expected.findIndex(({ timeMs }) => timeMs >= command.timeMs)
          at = next < 0 ? expected.length : next
        }
        assert.equal(at, expected.length)
        const last = messages.at(-1)
        assert.equal(last?.type, 'replayed')
        assert.equal(
          Object.values(last.sent ?? {}).reduce((sum, one) => sum + one, 0),
          count
        )
      }),
      { numRuns: 150 }
    )
  })

  it('sends each row at its time', async () => {
    await fc.assert(
      fc.asyncProperty(sources, speeds, commands(speeds), async (given, first, asked) => {
        const { messages, obey, step, isOver } = playing(given, first)
        const expected = inOrder(given)
        let [timeMs, speed, isPlaying]: [number, number, boolean] = [FROM_MS, first, true]
        let [at, seen] = [0, 0]
        const check = (lateMs: number): void => {
          for (const message of messages.slice(seen)) at += namesOf(message).length
          seen = messages.length
          const newest = expected[at - 1]?.timeMs ?? -Infinity
          assert.ok(newest <= timeMs, `${newest} was sent at ${timeMs}`)
          const next = expected[at]?.timeMs ?? Infinity
          assert.ok(next > timeMs - lateMs * speed, `${next} was not sent at ${timeMs}`)
        }
        for (const command of [...asked, undefined]) {
          for (let steps = 0; steps < 30 && !isOver(); steps++) {
            await step()
            if (isPlaying) timeMs += STEP_MS * speed
            check(LATE_MS)
          }
          if (command === undefined || isOver()) break
          obey(command)
          if (command.type === 'pause') isPlaying = false
          if (command.type === 'play') isPlaying = true
          if (command.type === 'speed') speed = command.speed as number
          if (command.type === 'seek') {
            ;({ timeMs } = command)
            at = expected.filter((row) => row.timeMs < command.timeMs).length
          }
        }
      }),
      { numRuns: 100 }
    )
  })

  it('says where it is once a second, and goes on to its end when nothing is left', async () => {
    const given = [{ channel: 'trades', timesMs: [0, 100], page: 5, failing: [] }] as const
    const { messages, step, isOver } = playing(given, 5)
    for (let steps = 0; !isOver(); steps++) await step(100)
    const told = messages.filter(({ type }) => type === 'progress').map(({ time }) => time)
    assert.deepEqual(
      told.slice(0, 3),
      [5000, 10_000, 15_000].map((ms) => FROM_MS + ms)
    )
    const sent = { trades: 2, bars: 0, forecasts: 0 }
    assert.deepEqual(messages.at(-1), { type: 'replayed', id: 1, reason: 'end', time: TO_MS, sent })
  })

  it('waits for a database that is away, and does not make up for the time', async () => {
    const given = [
      { channel: 'trades', timesMs: [0, 5000, 5001], page: 1, failing: [2, 3, 4] }
    ] as const
    const { messages, step } = playing(given, 1)
    for (let seconds = 0; seconds < 7; seconds++) await step(1000)
    const waiting = messages.filter(({ state }) => state === 'waiting')
    assert.match(waiting[0]?.reason ?? '', /database does not answer/)
    const rows = (): number => messages.flatMap(namesOf).length
    assert.equal(rows(), 2)
    for (let seconds = 0; seconds < 4; seconds++) await step(1000)
    assert.equal(rows(), 3)
    assert.ok((messages.at(-1)?.time ?? 0) < FROM_MS + 11_000)
  })

  it('reads nothing while the client has not read what was sent', async () => {
    const timesMs = Array.from({ length: 3000 }, (_, at) => at)
    const given = [{ channel: 'trades', timesMs, page: 100, failing: [] }] as const
    const { messages, outlet, step, isOver } = playing(given, 'max')
    outlet.bufferedBytes = 1024 * 1024
    for (let steps = 0; steps < 20; steps++) await step(1000)
    assert.deepEqual(
      messages.map(({ type }) => type),
      ['replaying']
    )
    outlet.bufferedBytes = 0
    for (let steps = 0; !isOver() && steps < 100; steps++) await step()
    assert.equal(messages.flatMap(namesOf).length, 3000)
  })

  it('refuses to seek out of its range', async () => {
    const { obey, step, messages } = playing([], 1)
    await step()
    assert.match(obey({ type: 'seek', timeMs: TO_MS })?.message ?? '', /^time is .*, expected from/)
    assert.equal(messages.filter(({ answer }) => answer !== undefined).length, 0)
  })
})
