import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { alpacaProtocol } from '@tapedeck/alpaca'
import { Secret, seededRandom } from '@tapedeck/core'
import { recordProblem, recordsOf, type FeedProtocol, type Frame } from '@tapedeck/domain'
import { finnhubProtocol } from '@tapedeck/finnhub'
import { mutate } from './mutate.ts'

// FUZZ_SEED repeats a run, FUZZ_FRAMES makes it longer or shorter.
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
const total = Number(process.env['FUZZ_FRAMES'] ?? 1_000_000)
const MAX_HEAP_GROWTH_BYTES = 20e6

const FINNHUB_SHAPES = [
  '{"data":[{"c":["1","12"],"p":164.0601,"s":"AAPL","t":1764000600123,"v":5},{"c":["1"],"p":164.06,"s":"MSFT","t":1764000600098,"v":100}],"type":"trade"}',
  '{"type":"trade","data":[{"s":"AAPL","p":231.47,"t":1764000600123,"v":100}]}',
  '{"type":"trade","data":[{"s":"BINANCE:BTCUSDT","p":91234.5,"t":1764000600500,"v":8e-05,"c":null}]}',
  '{"data":[{"c":[],"p":1.15873,"s":"IC MARKETS:1","t":1764000601000,"v":0}],"type":"trade"}',
  '{"data":[{"i":"57-1835807","p":501.85,"s":"AAPL","t":1764000601000,"v":800}],"type":"trade"}',
  '{"type":"ping"}',
  '{"type":"error","msg":"Subscribing to too many symbols"}',
  '{"type":"news","data":[{"category":"company","headline":"H","related":"AAPL"}]}'
]

const ALPACA_SHAPES = [
  '[{"T":"t","S":"AAPL","i":5021,"x":"V","p":231.47,"s":100,"c":["@","I"],"t":"2026-11-20T15:30:00.123456789Z","z":"C"}]',
  '[{"T":"t","S":"EEM","i":52983525033527,"x":"M","p":39.1582,"s":440000,"c":[" ","7"],"t":"2026-11-20T15:30:00.1Z","z":"B"},{"T":"t","S":"AAPL","i":7,"x":"V","p":1,"s":1,"t":"2026-11-20T15:30:00Z","z":"A"}]',
  '[{"T":"c","S":"AAPL","x":"V","oi":5021,"op":231.47,"os":100,"oc":["@"],"ci":5090,"cp":231.45,"cs":100,"cc":["@"],"z":"C","t":"2026-11-20T15:31:00Z"}]',
  '[{"T":"x","S":"AAPL","i":5090,"x":"V","p":231.45,"s":100,"a":"C","z":"C","t":"2026-11-20T15:32:00Z"}]',
  '[{"T":"success","msg":"authenticated"}]',
  '[{"T":"error","code":405,"msg":"symbol limit exceeded"}]',
  '[{"T":"subscription","trades":["AAPL"],"quotes":[],"corrections":["AAPL"]}]'
]

/** What a record of raw_data may hold, independent of the code under test. */
function strictProblem(trade: object, hasId: boolean): string | undefined {
  if (Object.getPrototypeOf(trade) !== Object.prototype) return 'prototype'
  for (const key of Object.keys(trade)) if (!'ptvci'.includes(key)) return `key ${key}`
  const { p, t, v, c, i } = trade as Record<string, unknown>
  if (!Number.isFinite(p) || (p as number) <= 0) return `price ${String(p)}`
  if (!Number.isInteger(t) || (t as number) < 1 || (t as number) > 8.64e15 * 2)
    return `time ${String(t)}`
  if (!Number.isFinite(v) || (v as number) < 0) return `size ${String(v)}`
  if (hasId && !/^\d{1,16}$/.test(String(i))) return `id ${String(i)}`
  // Finnhub sends no id; that of a recorded tape must be a text that is not empty.
  if (i !== undefined && (typeof i !== 'string' || i === '' || i.length > 64 || !i.isWellFormed()))
    return `id ${JSON.stringify(i)}`
  if (c === undefined || c === null) return undefined
  if (!Array.isArray(c) || c.length > 32) return 'conditions'
  for (const code of c) if (typeof code !== 'string' || code.length > 64) return 'a condition'
  return undefined
}

function checkFrame(frame: Frame, hasId: boolean): number {
  if (frame.kind !== 'trades') return 0
  let last = -1
  for (const { index, s } of frame.trades) {
    if (typeof s !== 'string' || s.length < 1 || s.length > 64) return NaN
    if (!(index > last && index < 4096)) return NaN
    last = index
  }
  const origin = { feed: 'f', connection: 'c', frame: 1, receivedAt: 1 }
  for (const record of recordsOf(frame.trades, origin, frame.amendments)) {
    assert.equal(recordProblem(record, record.symbol), undefined)
    for (const trade of record.trades) assert.equal(strictProblem(trade, hasId), undefined)
  }
  for (const { s, of, by, kind, t } of frame.amendments) {
    assert.ok(typeof s === 'string' && s.length >= 1 && s.length <= 64)
    assert.match(of, /^\d{1,16}$/)
    assert.ok(Number.isInteger(t) && t > 0)
    assert.equal(by === null, kind === 'cancel')
    if (by !== null) assert.equal(strictProblem(by, true), undefined)
  }
  for (const { reason, raw } of frame.refused) assert.ok(reason !== '' && typeof raw === 'string')
  return frame.trades.length
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function heapInUse(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

function fuzz(protocol: FeedProtocol, shapes: readonly string[], hasId: boolean): void {
  const random = seededRandom(seed)
  const kinds: Record<string, number> = {}
  let trades = 0
  let refused = 0
  const before = heapInUse()
  let peak = before
  for (let i = 0; i < total; i++) {
    const shape = shapes[Math.floor(random() * shapes.length)] ?? ''
    const text = mutate(shape, random)
    let frame: Frame
    try {
      frame = protocol.parse(text)
      const count = checkFrame(frame, hasId)
      assert.ok(!Number.isNaN(count), 'a symbol or an index does not fit')
      trades += count
    } catch (cause) {
      throw new Error(`frame ${i} of seed ${seed}: ${text.slice(0, 2000)}`, { cause })
    }
    kinds[frame.kind] = (kinds[frame.kind] ?? 0) + 1
    if (frame.kind === 'trades') refused += frame.refused.length
    if (i % 100_000 === 99_999) peak = Math.max(peak, heapInUse())
  }
  const grownMb = ((peak - before) / 1e6).toFixed(0)
  process.stdout.write(
    `${protocol.name}: seed ${seed}, ${total} frames ${JSON.stringify(kinds)}, ` +
      `${trades} trades taken, ${refused} refused, heap in use grew by ${grownMb} MB at most\n`
  )
  assert.ok(peak - before < MAX_HEAP_GROWTH_BYTES, `heap in use grew by ${grownMb} MB`)
  assert.ok(trades > 0 && refused > 0 && (kinds['malformed'] ?? 0) > 0)
  assert.equal(({} as Record<string, unknown>)['p'], undefined, 'a prototype was changed')
}

describe('parsers under fuzz', () => {
  const url = 'wss://feed.test'
  const options = { timeout: 120_000 }

  it('Finnhub: a million mutated frames never throw and yield no bad trade', options, () => {
    fuzz(finnhubProtocol({ url, token: new Secret('t') }), FINNHUB_SHAPES, false)
  })

  it('Alpaca: a million mutated frames never throw and yield no bad trade', options, () => {
    const secret = new Secret('t')
    fuzz(alpacaProtocol({ url, key: secret, secret }), ALPACA_SHAPES, true)
  })
})
