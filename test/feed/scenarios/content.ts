import type { ContentName } from '@tapedeck/simulator'
import type { Expectation } from '../expectation.ts'
import type { FeedScenario } from '../scenario.ts'

const content = (
  name: ContentName,
  reaction: string,
  expect: Expectation,
  more: Partial<FeedScenario> = {}
): FeedScenario => ({ name, reaction, expect, ...more })

const stored = (name: ContentName, reaction: string, added: number): FeedScenario =>
  content(name, reaction, { added })

const refused = (name: ContentName, reason: string): FeedScenario =>
  content(name, 'kept aside with the reason, nothing stored', { refused: { [reason]: 1 } })

/** Frames with something wrong or seldom in them: finnhub's list of cases, under `content`. */
export const CONTENT_SCENARIOS: readonly FeedScenario[] = [
  stored('conditions-absent', 'stored, a regular trade', 1),
  stored('conditions-null', 'stored, a regular trade', 1),
  stored('conditions-empty', 'stored, a regular trade', 1),
  content('conditions-unknown', 'stored and counted, sets no price', {
    added: 1,
    unknownCodes: { 987: 1 }
  }),
  refused('conditions-numbers', 'a condition is not a text'),
  stored('size-zero', 'stored, without volume', 1),
  stored('size-fractional', 'stored exactly', 1),
  stored('size-tiny', 'stored exactly', 1),
  refused('size-negative', 'size is negative'),
  refused('size-text', 'size is not a number'),
  stored('several-symbols', 'each trade stored under its symbol', 3),
  stored('equal-trades', 'three trades: content is no identity', 3),
  stored('descending-time', 'stored, bars ordered by time', 3),
  stored('late-40m', 'stored, corrects its own bar', 1),
  {
    name: 'late-beyond-limit',
    about: 'a trade 40 minutes late, with LATENESS_LIMIT=30m',
    reaction: 'stored, in no bar',
    env: { LATENESS_LIMIT: '30m' },
    faults: [{ when: { frames: 10 }, do: 'content', content: 'late-40m' }],
    expect: { added: 1, aside: { 'too late': 1 } }
  },
  content('future-1h', 'stored, in no bar, the watermark stays', {
    added: 1,
    aside: { 'from the future': 1 }
  }),
  content('time-seconds', 'stored, in no bar', { added: 1, aside: { 'too late': 1 } }),
  refused('time-fractional', 'time is not epoch ms'),
  refused('time-text', 'time is not epoch ms'),
  refused('price-zero', 'price is not positive'),
  refused('price-negative', 'price is not positive'),
  refused('price-null', 'price is not a number'),
  refused('price-nan', 'price is not a number'),
  refused('price-infinite', 'price is not a number'),
  refused('price-text', 'price is not a number'),
  content('one-bad-of-three', 'the bad one aside, the two others stored', {
    added: 2,
    refused: { 'price is not positive': 1 }
  }),
  content('malformed-json', 'kept aside with its raw text', {
    refused: { 'frame is not JSON': 1 },
    frames: { malformed: 1 }
  }),
  content('no-json', 'kept aside with its raw text', {
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
    { symbols: ['AAPL', 'IC MARKETS:1'] }
  ),
  refused('symbol-empty', 'symbol is not a text'),
  refused('symbol-absent', 'symbol is not a text')
]
