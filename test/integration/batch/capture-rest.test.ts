import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { Lake } from '@tapedeck/lake'
import { temporaryFolder } from '../../support/scope.ts'
import { runModule } from './run-module.ts'
import { simulatedRest } from './simulated-rest.ts'

const DEFINITION = path.resolve(import.meta.dirname, '../../../services/batch/rest/finnhub.json')
const DATE = '2026-03-10'

describe('capture-rest', () => {
  it('captures from the simulator what it would from Finnhub', { timeout: 120_000 }, async (t) => {
    const folder = await temporaryFolder(t)
    const env = {
      TAPEDECK_DATA_DIR: folder,
      BATCH_DATE: DATE,
      ...(await simulatedRest(t)),
      SYMBOLS: 'AAPL,MSFT'
    }
    const { code, output } = await runModule('capture-rest', env, '--config', DEFINITION)
    assert.equal(code, 0, output)
    const part = { zone: 'raw', name: 'finnhub', date: DATE } as const
    const lake = new Lake(path.join(folder, 'lake'))
    const published = await lake.read(part)
    const [file = ''] = published.files('answers')
    const lines = gunzipSync(await readFile(file))
      .toString()
      .trim()
      .split('\n')
    const answers = lines.map((line) => JSON.parse(line) as { request: string; body: string })
    assert.deepEqual(
      answers.map(({ request }) => request),
      ['symbols', 'profile', 'profile', 'quote', 'quote', 'earnings', 'holidays']
    )
    const quote = JSON.parse(answers[3]?.body ?? '') as { c: number }
    assert.ok(quote.c > 0)
    assert.doesNotMatch(lines.join('\n'), /sesame/)

    // What the plan does not include fails, and what was captured before stays.
    const candles = path.join(folder, 'candles.json')
    const premium = { name: 'candles', path: '/stock/candle', query: { symbol: 'AAPL' } }
    const definition = JSON.parse(await readFile(DEFINITION, 'utf8')) as object
    await writeFile(candles, JSON.stringify({ ...definition, requests: [premium] }))
    const refused = await runModule('capture-rest', env, '--config', candles)
    assert.equal(refused.code, 1)
    assert.match(refused.output, /status 403 found, expected a plan that includes it/)
    const wrong = await runModule(
      'capture-rest',
      { ...env, FINNHUB_TOKEN: 'other' },
      '--config',
      DEFINITION
    )
    assert.match(wrong.output, /status 401 found, expected valid credentials/)
    assert.deepEqual((await lake.read(part)).manifest, published.manifest)
  })
})
