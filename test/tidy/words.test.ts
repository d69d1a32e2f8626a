import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { root } from './sources.ts'

/** Words of this project alone, each with the field's word that stands in its place. */
const BANNED: readonly { readonly word: RegExp; readonly instead: string }[] = [
  { word: /Feed-?Desk/i, instead: 'FeedSupervisor' },
  { word: /Feed-?Follower/i, instead: 'FrameHandler' },
  { word: /Feed-?Line\b/i, instead: 'FeedConnection' },
  { word: /[sS]pill/, instead: 'overflow' },
  { word: /movement/i, instead: 'Signal' },
  { word: /Former.?Li[fv]e/i, instead: 'previous run' },
  { word: /\blegac(y|ies)/i, instead: 'handover' },
  { word: /takeUp/, instead: 'restore' },
  { word: /Gap-?Keeper/i, instead: 'OutageTracker' },
  { word: /Symbol-?Watch\b/i, instead: 'SilenceDetector' },
  { word: /Bar-?Book/i, instead: 'BarAggregator' },
  { word: /\btall(y|ies|ied)|Tall(y|ied)/, instead: 'BarAccumulator' },
  { word: /shel(f|ves)\b/i, instead: 'TimeframeSlot' },
  { word: /Counted-?B(ook|ar)/i, instead: 'activity bars' },
  { word: /Frame-?Ledger/i, instead: 'FrameDeduplicator' },
  { word: /Redelivery-?Book/i, instead: 'VendorIdDeduplicator' },
  { word: /Forecast-?Desk|\bdesks?\b/i, instead: 'ForecastEngine' },
  { word: /Forecast-?Outbox/i, instead: 'ForecastResults' },
  { word: /Score-?Board/i, instead: 'RollingScores' },
  { word: /takeDirty/, instead: 'drainChanged' },
  { word: /(\b|_)aside(\b|_)|Aside/, instead: 'excluded' },
  { word: /\b(un)?settl(e|es|ed|ing)(\b|[A-Z])/i, instead: 'resolve' },
  { word: /NamedTrade/i, instead: 'ReferencedTrade, TradeWithVendorId' },
  { word: /\bstrangers?\b/i, instead: 'unstored' },
  { word: /\bunjudged\b/, instead: 'outdated' },
  { word: /\banew\b/, instead: 'again' },
  { word: /\bfor ever\b/, instead: 'permanently' }
]
/** Words that tests alone used. */
const BANNED_IN_TESTS: typeof BANNED = [
  { word: /\bdoors?\b|openDoor/i, instead: 'TCP proxy' },
  { word: /\bstrikers?\b/i, instead: 'fault injector' },
  { word: /\b(open|set)Stage|\bStage\b|\bstage[.(]/, instead: 'harness' }
]

const texts = globSync(
  [
    '{libs,services,grafana,test,docs}/**/*.{ts,tsx,js,css,html,md,json,yaml}',
    '*.{md,yml}',
    '.env.example',
    '.ci/*',
    'services/Dockerfile'
  ],
  {
    cwd: root,
    exclude: (file) => /(^|\/)(node_modules|grafana\/dashboards|words\.test\.ts)$/.test(file)
  }
)

/** A line whose constants are cut into words: `_` is a letter to `\b`, so that SOME_WORD would have none. */
function withWordsOfConstants(line: string): string {
  return line.replaceAll(/\b[A-Z][A-Z\d]*(?:_[A-Z\d]+)+\b/g, (name) => name.replaceAll('_', '-'))
}

describe('words', () => {
  it('one concept has one word, the field’s', () => {
    assert.ok(texts.length > 500)
    const found = texts.flatMap((file) =>
      readFileSync(path.join(root, file), 'utf8')
        .split('\n')
        .flatMap((line, index) => {
          const words = withWordsOfConstants(line)
          return (file.startsWith('test/') ? [...BANNED, ...BANNED_IN_TESTS] : BANNED)
            .filter(({ word }) => word.test(words))
            .map(({ instead }) => `${file}:${index + 1} expected ${instead}: ${line.trim()}`)
        })
    )
    assert.deepEqual(found, [])
  })
})
