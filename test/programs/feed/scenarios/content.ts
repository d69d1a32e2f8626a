import type { ContentName } from '@tapedeck/simulator/testing'
import type { Expectation } from '../expectation.ts'
import type { FeedScenario } from '../scenario.ts'
import type { Harness } from '../harness.ts'

type Check = NonNullable<FeedScenario['check']>

const content = (
  name: ContentName,
  reaction: string,
  expect: Expectation,
  more: Partial<FeedScenario> = {}
): FeedScenario => ({ name, reaction, expect, ...more })

const stored = (name: ContentName, reaction: string, added: number, check?: Check): FeedScenario =>
  content(name, reaction, { added }, check === undefined ? {} : { check })

const refused = (name: ContentName, reason: string): FeedScenario =>
  content(name, 'sent to the dead-letter topic with the reason, nothing stored', {
    refused: { [reason]: 1 }
  })

/** Injected trades have the price 100; the synthetic market is far from it. */
function isStored(fields: Readonly<Record<string, string | number>>, times = 1): Check {
  return async ({ market }) => {
    const found = await market.database.trades.countDocuments(fields)
    return found === times ? [] : [`${found} trades ${JSON.stringify(fields)}, expected ${times}`]
  }
}

function setsPrices(wanted: boolean): Check {
  return async ({ market }) => {
    const bars = await market.database.bars.countDocuments({ low: 100 })
    return bars > 0 === wanted
      ? []
      : [`${bars} bars have its price, expected ${wanted ? 'some' : 'none'}`]
  }
}

function hasLateBar(wanted: boolean): Check {
  return async ({ market }) => {
    const end = new Date(Date.now() - 38 * 60_000)
    const found = await market.database.bars.countDocuments({ timeframe: '1m', end: { $lt: end } })
    return found === (wanted ? 1 : 0) ? [] : [`${found} bars of its minute`]
  }
}

/** No bar begins in the future, and none is final before its end. */
async function nothingIsEarly({ market }: Harness): Promise<readonly string[]> {
  const now = new Date()
  const early = await market.database.bars.countDocuments({
    $or: [{ start: { $gt: now } }, { end: { $gt: now }, status: { $ne: 'provisional' } }]
  })
  return early === 0 ? [] : [`${early} bars are ahead of time`]
}

/** Frames with invalid or rare content. */
export const CONTENT_SCENARIOS: readonly FeedScenario[] = [
  stored('conditions-absent', 'stored, a regular trade that sets prices', 1, setsPrices(true)),
  stored('conditions-null', 'stored, a regular trade that sets prices', 1, setsPrices(true)),
  stored('conditions-empty', 'stored, a regular trade that sets prices', 1, setsPrices(true)),
  content(
    'conditions-unknown',
    'stored and counted, sets no price',
    { added: 1, unknownCodes: { 987: 1 } },
    { check: setsPrices(false) }
  ),
  refused('conditions-numbers', 'a condition is not a text'),
  stored('size-zero', 'stored exactly', 1, isStored({ price: 100, size: 0 })),
  stored('size-fractional', 'stored exactly', 1, isStored({ price: 100, size: 0.0042 })),
  stored('size-tiny', 'stored exactly', 1, isStored({ price: 100, size: 8e-5 })),
  refused('size-negative', 'size is negative'),
  refused('size-text', 'size is not a number'),
  stored(
    'several-symbols',
    'each trade stored under its symbol',
    3,
    isStored({ symbol: 'MSFT', price: 50.5 })
  ),
  stored('equal-trades', 'three trades: content is no identity', 3, isStored({ price: 100 }, 3)),
  stored('descending-time', 'stored, bars ordered by time', 3),
  stored('late-40m', 'stored, in the bar of its own minute', 1, hasLateBar(true)),
  {
    name: 'late-beyond-limit',
    about: 'a trade 40 minutes late, with LATENESS_LIMIT=30m',
    reaction: 'stored, in no bar',
    env: { LATENESS_LIMIT: '30m' },
    faults: [{ when: { frames: 10 }, do: 'content', content: 'late-40m' }],
    expect: { added: 1, excluded: { 'too late': 1 } },
    check: hasLateBar(false)
  },
  content(
    'future-1h',
    'stored, in no bar, the watermark stays',
    { added: 1, excluded: { 'from the future': 1 } },
    { check: nothingIsEarly }
  ),
  content('time-seconds', 'stored, in no bar', { added: 1, excluded: { 'too late': 1 } }),
  refused('time-fractional', 'time is not epoch ms'),
  refused('time-text', 'time is not epoch ms'),
  refused('price-zero', 'price is not positive'),
  refused('price-negative', 'price is not positive'),
  refused('price-null', 'price is not a number'),
  refused('price-nan', 'price is not a number'),
  refused('price-infinite', 'price is not a number'),
  refused('price-text', 'price is not a number'),
  content('one-bad-of-three', 'the bad one to the dead-letter topic, the two others stored', {
    added: 2,
    refused: { 'price is not positive': 1 }
  }),
  content('malformed-json', 'sent to the dead-letter topic with its raw text', {
    refused: { 'frame is not JSON': 1 },
    frames: { malformed: 1 }
  }),
  content('no-json', 'sent to the dead-letter topic with its raw text', {
    refused: { 'frame is not JSON': 1 },
    frames: { malformed: 1 }
  }),
  content('unknown-type', 'counted, no more', { frames: { other: 1 } }),
  content('news', 'counted, no more', { frames: { other: 1 } }),
  refused('no-type', 'frame has no type'),
  refused('no-data', 'trade frame has no data list'),
  content('empty-data', 'nothing to do', {}),
  content(
    'symbol-with-space',
    'stored under its symbol',
    { added: 1 },
    {
      symbols: ['AAPL', 'IC MARKETS:1'],
      check: isStored({ price: 1.15873, symbol: 'IC MARKETS:1' })
    }
  ),
  refused('symbol-empty', 'symbol is not a text'),
  refused('symbol-absent', 'symbol is not a text')
]
