import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  GapList,
  knownGap,
  MemoryBars,
  objectMaker,
  PartitionFold,
  STORED_BAR,
  tradingDateAt,
  WindowComposer,
  windowLength,
  type AnyWindow,
  type Bar,
  type BarContext,
  type BarFields,
  type FoldOptions,
  type GapRecord,
  type StoredSecond
} from '@tapedeck/domain'
import fc from 'fast-check'
import { changedBars, flush } from '../../../support/folding.ts'
import { aGap, aRecord, aTrade, records, START_MS } from '../../../support/trades.ts'

const OPTIONS: FoldOptions = {
  timeframes: ['1s', '15s', '1m', '1h'],
  policy: 'feed',
  allowedDelayMs: 2000,
  latenessLimitMs: 1e9,
  futureLimitMs: 1e9,
  redelivered: 'drop'
}
const makeFields = objectMaker<[Bar, BarContext], BarFields>(STORED_BAR)

function fieldsOf(bar: Bar): BarFields {
  const { tradeDate } = tradingDateAt(bar.symbol, bar.startMs)
  return makeFields(bar, { policy: 'feed', tradeDate })
}

/** The order of rows. */
function inOrder<T extends { symbol: string; startMs: number }>(bars: readonly T[]): T[] {
  return bars.toSorted((a, b) => a.startMs - b.startMs || (a.symbol < b.symbol ? -1 : 1))
}

function secondOf(bar: Bar): StoredSecond {
  return { ...bar.toStored(), policy: 'feed', conditionVersion: 2, log: 'raw_data/0' }
}

/** The bars of a window made of seconds; drained after every few of them. */
function composed(
  seconds: readonly StoredSecond[],
  window: AnyWindow,
  {
    order = 'asc',
    gaps = new GapList(),
    watermarkMs = Infinity
  }: { order?: 'asc' | 'desc'; gaps?: GapList; watermarkMs?: number } = {}
): BarFields[] {
  const composer = new WindowComposer({ window, order, factsOf: () => ({ gaps, watermarkMs }) })
  const bars: BarFields[] = []
  const sorted = inOrder(seconds)
  for (const [at, second] of (order === 'asc' ? sorted : sorted.toReversed()).entries()) {
    composer.add(second)
    if (at % 3 === 0) bars.push(...composer.drain(second.startMs))
  }
  return [...bars, ...composer.drain()]
}

/** The bars of records and gaps that came in this order, in several flushes. */
async function folded(
  list: ReturnType<typeof aRecord>[],
  gaps: readonly GapRecord[] = []
): Promise<{ bars: Bar[]; fold: PartitionFold }> {
  const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
  const store = new MemoryBars()
  const bars = new Map<string, Bar>()
  const note = async (): Promise<void> => {
    for (const bar of changedBars(await flush(fold, store))) bars.set(bar.id, bar)
  }
  for (const [offset, record] of list.entries()) {
    fold.take(record, offset)
    if (offset === 5) for (const gap of gaps) fold.takeGap(gap)
    if (offset % 4 === 3) await note()
  }
  await note()
  return { bars: inOrder([...bars.values()]), fold }
}

const aSecond = (symbol: string, startMs: number): StoredSecond => ({
  id: `${symbol}|1s|${startMs}`,
  symbol,
  timeframe: '1s',
  startMs,
  endMs: startMs + 1000,
  status: 'final',
  revision: 0,
  lateCount: 0,
  offset: 0,
  accumulator: {
    sums: Array.from({ length: 9 }, () => 0),
    priceCount: 1,
    first: [startMs, 'c', 1, 100],
    last: [startMs, 'c', 1, 100],
    fallback: null,
    high: 100,
    low: 100,
    tradeCount: 1,
    firstTradeMs: startMs,
    lastTradeMs: startMs,
    session: 'regular',
    feed: 'simulated'
  },
  policy: 'feed',
  conditionVersion: 2,
  log: 'raw_data/0'
})

const timesOf = (bars: readonly BarFields[]): string[] =>
  bars.map(
    ({ symbol, start, end }) =>
      `${symbol} ${start.toISOString().slice(11, 19)} ${end.toISOString().slice(11, 19)}`
  )

describe('WindowComposer', () => {
  it('gives the stored bars of the same window from those of one second, whatever came when', async () => {
    const gap = fc
      .tuple(fc.integer({ min: -5000, max: 200_000 }), fc.nat(90_000), fc.boolean())
      .map(([from, length, isOpen]) =>
        aGap(START_MS + from, isOpen ? null : START_MS + from + length, { id: `g${from}` })
      )
    await fc.assert(
      fc.asyncProperty(records(), fc.array(gap, { maxLength: 3 }), async (list, gaps) => {
        const { bars, fold } = await folded(list, gaps)
        const seconds = bars.filter(({ timeframe }) => timeframe === '1s').map(secondOf)
        for (const [timeframe, lengthMs] of [
          ['15s', 15_000],
          ['1m', 60_000],
          ['1h', 3_600_000]
        ] as const) {
          const expected = bars.filter((bar) => bar.timeframe === timeframe)
          for (const order of ['asc', 'desc'] as const) {
            const facts = { order, gaps: fold.gaps, watermarkMs: fold.watermark.ms }
            const found = composed(seconds, { lengthMs, origin: 'utc' }, facts)
            if (order === 'desc') found.reverse()
            assert.equal(found.length, expected.length)
            for (const [at, bar] of expected.entries()) {
              const { status, revision, revisionCause, lateCount, lateVolume, ...known } =
                fieldsOf(bar)
              // A trade that was late for its second may have been in time for the window, and a gap may revise the
              // window and none of its seconds.
              assert.ok((found[at]?.lateCount ?? -1) >= lateCount)
              const isOver = status !== 'provisional'
              assert.equal(found[at]?.status !== 'provisional', isOver)
              const late = { lateCount, lateVolume, revision, revisionCause, status }
              const { conditionVersion: _, ...own } = known
              const { conditionVersion: version, ...other } = found[at] as BarFields
              assert.equal(version, 2)
              assert.deepEqual({ ...other, ...late }, { ...own, ...late })
            }
          }
        }
      }),
      { numRuns: 150 }
    )
  })

  it('has status and revisions of stored bars where every trade was in time', async () => {
    const list = Array.from({ length: 200 }, (_, at) =>
      aRecord({ frame: at + 1, trades: [aTrade({ t: START_MS + at * 700, p: 100 + (at % 7) })] })
    )
    const { bars, fold } = await folded(list)
    const seconds = bars.filter(({ timeframe }) => timeframe === '1s').map(secondOf)
    const facts = { gaps: fold.gaps, watermarkMs: fold.watermark.ms }
    const found = composed(seconds, { lengthMs: 60_000, origin: 'utc' }, facts)
    assert.deepEqual(
      found.map((bar) => ({ ...bar, conditionVersion: 0 })),
      bars
        .filter(({ timeframe }) => timeframe === '1m')
        .map((bar) => ({ ...fieldsOf(bar), conditionVersion: 0 }))
    )
    assert.deepEqual(
      found.map(({ status }) => status),
      ['final', 'final', 'provisional']
    )
  })

  it('counts windows from the begin of each session, and cuts the last one at its end', () => {
    // New York: 08:58, 09:29, 09:30, 15:59, 16:00 and 19:59 of a Tuesday in summer time.
    const times = ['12:58:30', '13:29:59', '13:30:00', '19:59:59', '20:00:00', '23:59:00']
    const seconds = times.map((time) => aSecond('AAPL', Date.parse(`2026-03-10T${time}Z`)))
    const window = { lengthMs: 7 * 60_000, origin: 'session' } as const
    assert.deepEqual(timesOf(composed(seconds, window)), [
      'AAPL 12:54:00 13:01:00', // from 04:00 on
      'AAPL 13:29:00 13:30:00',
      'AAPL 13:30:00 13:37:00',
      'AAPL 19:55:00 20:00:00',
      'AAPL 20:00:00 20:07:00',
      'AAPL 23:58:00 00:00:00'
    ])
    assert.deepEqual(
      timesOf(composed([aSecond('BINANCE:BTCUSDT', Date.UTC(2026, 0, 1))], window)),
      ['BINANCE:BTCUSDT 00:00:00 00:07:00']
    )
  })

  it('keeps the order of starts among symbols of several calendars', () => {
    const seconds = Array.from(
      { length: 300 },
      (_, at) => Date.UTC(2026, 2, 10, 19, 40) + at * 9000
    ).flatMap((ms) => [aSecond('AAPL', ms), aSecond('BINANCE:BTCUSDT', ms), aSecond('MSFT', ms)])
    const window = { lengthMs: 11 * 60_000, origin: 'session' } as const
    const asc = composed(seconds, window)
    const keys = asc.map(({ start, symbol }) => ({ startMs: start.getTime(), symbol }))
    assert.deepEqual(keys, inOrder(keys))
    assert.deepEqual(composed(seconds, window, { order: 'desc' }).toReversed(), asc)
    assert.equal(
      asc.reduce((sum, { tradeCount }) => sum + tradeCount, 0),
      seconds.length
    )
  })

  it('names the policy mixed and the version of conditions null where seconds differ, and knows gaps', () => {
    const ms = START_MS
    const other = { ...aSecond('AAPL', ms + 1000), policy: 'sip', conditionVersion: 1 }
    const gaps = new GapList()
    gaps.add(knownGap(aGap(ms + 30_000, ms + 45_000)))
    const window = { lengthMs: 60_000, origin: 'utc' } as const
    const [bar] = composed([aSecond('AAPL', ms), other], window, { gaps })
    assert.deepEqual(
      [bar?.policy, bar?.conditionVersion, bar?.coverage, bar?.gapIds],
      ['mixed', null, 0.75, ['g']]
    )
  })
})

describe('WindowComposer, of seconds that were revised', () => {
  const window = { lengthMs: 60_000, origin: 'utc' } as const
  const revised = (at: number, fields: Partial<StoredSecond>): StoredSecond => ({
    ...aSecond('AAPL', START_MS + at * 1000),
    ...fields
  })
  const late = revised(1, {
    status: 'revised',
    revision: 2,
    revisionCause: 'late trades',
    lateCount: 3,
    // In the units of exact sums.
    lateVolume: 250e8
  })
  const gap = revised(0, { status: 'revised', revision: 1, revisionCause: 'feed gap' })
  const plain = revised(2, {})

  /** In both directions, which must not differ. */
  function only(seconds: readonly StoredSecond[], watermarkMs = Infinity): BarFields {
    const [asc, ...others] = composed(seconds, window, { watermarkMs })
    const [desc] = composed(seconds, window, { order: 'desc', watermarkMs })
    assert.ok(asc !== undefined && others.length === 0)
    assert.deepEqual(desc, asc)
    return asc
  }

  it('adds revisions and late trades up, and names the cause of the newest one', () => {
    const { status, revision, revisionCause, lateCount, lateVolume } = only([gap, late, plain])
    assert.deepEqual(
      { status, revision, revisionCause, lateCount, lateVolume },
      {
        status: 'revised',
        revision: 3,
        revisionCause: 'late trades',
        lateCount: 3,
        lateVolume: 250
      }
    )
    assert.equal(only([gap, plain]).revisionCause, 'feed gap')
    assert.equal(only([plain]).revisionCause, null)
  })

  it('is final when all of its seconds are and the watermark has reached its end', () => {
    const endMs = START_MS + 60_000
    assert.equal(only([plain], endMs).status, 'final')
    assert.equal(only([plain], endMs - 1).status, 'provisional')
    assert.equal(only([late, revised(3, { status: 'provisional' })]).status, 'provisional')
  })

  it('asks for the facts of the partition that its newest second came from', () => {
    const asked: string[] = []
    const facts = { gaps: new GapList(), watermarkMs: Infinity }
    for (const seconds of [
      [plain, revised(3, { log: 'raw_data/4' })],
      [revised(3, { log: 'raw_data/4' }), plain]
    ]) {
      const composer = new WindowComposer({
        window,
        order: 'asc',
        factsOf: (log) => (asked.push(log), facts)
      })
      for (const second of seconds) composer.add(second)
      assert.equal(composer.drain().length, 1)
    }
    assert.deepEqual(asked, ['raw_data/4', 'raw_data/4'])
  })

  it('is drained once no second can change it, and only once', () => {
    const facts = { gaps: new GapList(), watermarkMs: Infinity }
    const drained = (order: 'asc' | 'desc', reachedMs: number): number => {
      const composer = new WindowComposer({ window, order, factsOf: () => facts })
      composer.add(plain)
      const found = composer.drain(reachedMs).length
      assert.equal(composer.drain().length, 1 - found)
      return found
    }
    assert.equal(START_MS % 60_000, 0)
    assert.deepEqual([drained('asc', START_MS + 59_999), drained('asc', START_MS + 60_000)], [0, 1])
    assert.deepEqual([drained('desc', START_MS), drained('desc', START_MS - 1)], [0, 1])
  })
})

describe('windowLength()', () => {
  it('takes whole seconds up to a day, in seconds, minutes and hours', () => {
    assert.deepEqual(
      ['1s', '90s', '7m', '24h', '86400s'].map(windowLength),
      [1000, 90_000, 420_000, 86_400_000, 86_400_000]
    )
    for (const text of ['0s', '25h', '1d', '1.5m', '', '7', 'm', '-1s', '100000s', '1ms'])
      assert.equal(windowLength(text), undefined)
  })
})
