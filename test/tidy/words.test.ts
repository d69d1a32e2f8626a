import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { root } from './sources.ts'

/** Words of this project alone, each with the field's word that stands in its place. */
const BANNED: readonly { readonly word: RegExp; readonly instead: string }[] = [
  { word: /FeedDesk/, instead: 'FeedSupervisor' },
  { word: /FeedFollower/, instead: 'FrameHandler' },
  { word: /FeedLine/, instead: 'FeedConnection' },
  { word: /FormerLi[fv]e/i, instead: 'PreviousRun' },
  { word: /\bLegacy/, instead: 'Handover' },
  { word: /Shel(f|ves)/i, instead: 'TimeframeSlot' },
  { word: /RedeliveryBook/i, instead: 'VendorIdDeduplicator' },
  { word: /ForecastOutbox/i, instead: 'ForecastResults' },
  { word: /takeDirty/, instead: 'drainChanged' }
]

const texts = globSync(
  [
    '{libs,services,grafana,test,docs}/**/*.{ts,js,css,html,md,json,yaml}',
    '*.{md,yml}',
    '.env.example',
    '.ci/*',
    'services/Dockerfile'
  ],
  {
    cwd: root,
    exclude: (file) => /(^|\/)(node_modules|adr|grafana\/dashboards|words\.test\.ts)$/.test(file)
  }
)

describe('words', () => {
  it('one concept has one word, the field’s', () => {
    assert.ok(texts.length > 500)
    const found = texts.flatMap((file) =>
      readFileSync(path.join(root, file), 'utf8')
        .split('\n')
        .flatMap((line, index) =>
          BANNED.filter(({ word }) => word.test(line)).map(
            ({ instead }) => `${file}:${index + 1} expected ${instead}: ${line.trim()}`
          )
        )
    )
    assert.deepEqual(found, [])
  })
})
