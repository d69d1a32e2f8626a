import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { hasCode } from '@tapedeck/core'
import { readTape } from '@tapedeck/simulator/testing'
import fc from 'fast-check'

type Batches = { texts: string[]; positionMs: number | undefined }[]

async function batchesOf(file: string, slotMs = Infinity): Promise<Batches> {
  const batches: Batches = []
  for await (const { frames, positionMs } of readTape(file, slotMs)) {
    batches.push({ texts: frames.map(({ text }) => text), positionMs })
  }
  return batches
}

const textsOf = (batches: Batches): string[] => batches.flatMap(({ texts }) => texts)
const dataOf = (text: string): unknown[] => (JSON.parse(text) as { data: unknown[] }).data

function aFile(t: TestContext, content: string | Buffer): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tapedeck-tape-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'tape')
  writeFileSync(file, content)
  return file
}

const aTrade = (index: number, atMs = 1_700_000_000_000 + index): string =>
  `{"s":"${index % 3 === 0 ? 'AAPL' : 'MSFT'}","p":${100 + index / 100},"t":${atMs},"v":${index + 1},"c":["1"]}`

describe('readTape', () => {
  it('packs flat trades into frames of ten in the recorded order, symbols mixed', async (t) => {
    const lines = Array.from({ length: 1234 }, (_, index) => aTrade(index))
    const texts = textsOf(await batchesOf(aFile(t, lines.join('\n'))))
    assert.equal(texts.length, 124)
    assert.ok(texts.slice(0, -1).every((text) => dataOf(text).length === 10))
    assert.deepEqual(
      texts.flatMap(dataOf),
      lines.map((line) => JSON.parse(line))
    )
    assert.match(
      texts[0]!,
      /^\{"data":\[\{"c":\["1"\],"p":100,"s":"AAPL","t":1700000000000,"v":1\},/
    )
  })

  it('reads the same whatever the packing, line ends and blank lines', async (t) => {
    const lines = Array.from({ length: 5000 }, (_, index) => aTrade(index))
    const plain = await batchesOf(aFile(t, lines.join('\n')))
    assert.deepEqual(await batchesOf(aFile(t, gzipSync(`${lines.join('\n')}\n`))), plain)
    assert.deepEqual(await batchesOf(aFile(t, `\n${lines.join('\r\n\r\n')}\r\n`)), plain)
  })

  it('keeps every number and code, whatever the order and form of the keys', async (t) => {
    const aNumber = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
    const aRecorded = fc.record({
      s: fc.string({ minLength: 1, maxLength: 12 }),
      p: aNumber,
      t: fc.integer({ min: 1, max: 2_000_000_000_000 }),
      v: aNumber,
      c: fc.option(fc.array(fc.string({ maxLength: 8 }), { maxLength: 4 }))
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(aRecorded, { minLength: 1, maxLength: 25 }),
        fc.boolean(),
        async (trades, isUsual) => {
          const lines = trades.map(({ s, p, t: at, v, c }) =>
            isUsual ? { s, p, t: at, v, c, id: '7' } : { v, s, extra: { p }, c, p, t: at }
          )
          const file = aFile(t, lines.map((line) => JSON.stringify(line)).join('\n'))
          const found = textsOf(await batchesOf(file)).flatMap(dataOf)
          const sent = isUsual ? trades.map((trade) => ({ ...trade, i: '7' })) : trades
          // Both sides went through text, which has no -0.
          assert.deepEqual(found, JSON.parse(JSON.stringify(sent)))
        }
      ),
      { numRuns: 50 }
    )
    const texts = textsOf(
      await batchesOf(aFile(t, '{"s":"A","p":0.00008,"t":1,"v":8e-05,"c":null}'))
    )
    assert.deepEqual(texts, [
      '{"data":[{"c":null,"p":0.00008,"s":"A","t":1,"v":8e-05}],"type":"trade"}'
    ])
  })

  it('passes the id of a source on as the text i, in every form of line', async (t) => {
    const lines = [
      '{"s":"A","p":1,"t":1,"v":1,"c":null,"id":"57-1835807"}',
      '{"s":"A","p":1,"t":1,"v":1,"c":[],"id":3735683259}',
      '{"id":"x\\"y","s":"A","p":1,"t":1,"v":1}',
      '{"id":12,"s":"A","p":1,"t":1,"v":1}',
      '{"s":"A","p":1,"t":1,"v":1,"i":"own"}',
      '{"s":"A","p":1,"t":1,"v":1,"id":null}'
    ]
    const found = textsOf(await batchesOf(aFile(t, lines.join('\n')))).flatMap(dataOf)
    assert.deepEqual(
      found.map((trade) => (trade as { i?: unknown }).i),
      ['57-1835807', '3735683259', 'x"y', '12', 'own', undefined]
    )
  })

  it('omits the conditions where the tape has none', async (t) => {
    const [text] = textsOf(await batchesOf(aFile(t, '{"s":"A","p":1,"t":1,"v":1}')))
    assert.equal(text, '{"data":[{"p":1,"s":"A","t":1,"v":1}],"type":"trade"}')
  })

  it('plays recorded frames as they are, pings and twelve-trade frames too', async (t) => {
    const trade = '{"c":["1"],"p":1.50,"s":"A","t":5,"v":1}'
    const lines = [
      '{"type":"ping"}',
      `{"data":[${trade}],"type":"trade"}`,
      `{"type":"trade", "data":[${Array(12).fill(trade).join(',')}]}`,
      '{"data":[],"type":"trade"}',
      '{"type":"error","msg":"Subscribing to too many symbols"}'
    ]
    assert.deepEqual(textsOf(await batchesOf(aFile(t, gzipSync(lines.join('\n'))))), lines)
  })

  it('ends a batch where the next trade is not due, and never waits for a late one', async (t) => {
    const times = [1000, 1001, 1021, 1015, 900, 1020, 5000, 4000, 5001]
    const file = aFile(t, times.map((atMs, index) => aTrade(index, atMs)).join('\n'))
    const batches = await batchesOf(file, 20)
    assert.deepEqual(
      batches.map(({ texts, positionMs }) => ({
        trades: texts.flatMap(dataOf).length,
        positionMs
      })),
      [
        { trades: 2, positionMs: 1001 },
        { trades: 4, positionMs: 1021 },
        { trades: 3, positionMs: 5001 }
      ]
    )
  })

  it('has no position before the first trade', async (t) => {
    const lines = ['{"type":"ping"}', '{"data":[{"p":1,"s":"A","t":5,"v":1}],"type":"trade"}']
    const [batch] = await batchesOf(aFile(t, lines.join('\n')), 20)
    assert.equal(batch?.positionMs, 5)
    const [ping] = await batchesOf(aFile(t, lines[0]!), 20)
    assert.equal(ping?.positionMs, undefined)
  })

  const good = aTrade(1)
  const frame = '{"data":[{"p":1,"s":"A","t":5,"v":1}],"type":"trade"}'
  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['no JSON', `${good}\n\n{"s":`, /line 3: found no JSON in '\{"s":', expected \{"s":symbol/],
    ['no object', `${good}\n[1]`, /line 2: found no object in '\[1\]'/],
    ['no JSON at the start', 'hello', /line 1: found no JSON in 'hello'/],
    ['neither form', '{"a":1}', /line 1: found '\{"a":1\}', expected .* or /],
    ['a price in quotes', good.replace('100.01', '"100.01"'), /line 1: found p is no number/],
    ['no size', '{"s":"A","p":1,"t":1}', /line 1: found v is no number/],
    ['a fractional time', '{"s":"A","p":1,"t":1.5,"v":1}', /line 1: found t is no whole number/],
    ['an empty symbol', `${good}\n{"s":"","p":1,"t":1,"v":1}`, /line 2: found s is no symbol/],
    ['numeric codes', '{"s":"A","p":1,"t":1,"v":1,"c":[1]}', /line 1: found c is no list of texts/],
    ['a frame among trades', `${good}\n${frame}`, /line 2: found s is no symbol/],
    ['a trade among frames', `${frame}\n${good}`, /line 2: found '\{"s"/],
    ['a frame without data', `${frame}\n{"type":"trade"}`, /line 2: found data is no list/],
    [
      'a bad trade in a frame',
      frame.replace('"p":1,', ''),
      /line 1: found p is no number in trade 1/
    ],
    [
      'a line without end',
      `${good}\n${'x'.repeat(1_200_000)}`,
      /line 2: found more than 1048576 characters/
    ]
  ]
  for (const [name, content, message] of wrong) {
    it(`refuses ${name} by line number`, async (t) => {
      await assert.rejects(batchesOf(aFile(t, content)), (error) => {
        assert.ok(hasCode(error, 'TAPE_INVALID'))
        assert.match(error.message, message)
        assert.ok(error.message.length < 400)
        return true
      })
    })
  }

  it('refuses a damaged gzip file and a missing one', async (t) => {
    const packed = gzipSync(Array.from({ length: 999 }, (_, index) => aTrade(index)).join('\n'))
    const files = [aFile(t, packed.subarray(0, packed.length - 20)), '/does/not/exist']
    for (const file of files) {
      await assert.rejects(batchesOf(file), (error) => hasCode(error, 'TAPE_INVALID'))
    }
  })
})
