/**
 * Programs of others that were written for Finnhub, against `/finnhub`. Only the address is another one.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import type { TradeRecord } from '@tapedeck/domain'
import { npmFolderWith, pythonWith } from '../../support/foreign-programs.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade } from '../../support/trades.ts'
import { until } from '../../support/until.ts'
import { runningApi, untilReady } from './running-api.ts'

const options = { timeout: 600_000 }
const TOKEN = 'a-token-of-sixteen-or-more'
const LIMIT_MS = 90_000

async function anApi(t: TestContext) {
  const market = await openMarket(t)
  await inService(t, (context) => startConsumer(market.consumer(), context))
  const { url, get } = await runningApi(t, {
    uri: market.env['MONGODB_URI'] ?? '',
    database: market.env['MONGODB_DB'] ?? '',
    more: { ...market.env, API_TOKEN: TOKEN, SYMBOLS: 'AAPL,MSFT' }
  })
  await untilReady(get)
  return { market, address: `${url.replace('http', 'ws')}/finnhub?token=${TOKEN}` }
}

/** The lines that a program prints. */
function linesOf(t: TestContext, command: string, args: readonly string[], cwd?: string) {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => lines.push(line))
  }
  return lines
}

/** Two frames of the feed: its texts as Finnhub sends them, and their records as the producer publishes them. */
const T0_MS = Date.now()
const FRAMES = [
  `{"data":[{"c":["1","12"],"p":231.47,"s":"AAPL","t":${T0_MS},"v":10},{"c":["1"],"p":231.5,"s":"AAPL","t":${T0_MS + 1},"v":0.5}],"type":"trade"}`,
  `{"data":[{"c":null,"p":1e-7,"s":"MSFT","t":${T0_MS + 2},"v":100}],"type":"trade"}`
]

/** What the api sends every ten seconds. */
const PING = '{"type":"ping"}'

const recordsOf = (frame: number): TradeRecord[] => [
  aRecord({
    frame,
    symbol: 'AAPL',
    receivedAt: Date.now(),
    trades: [
      aTrade({ p: 231.47, t: T0_MS, v: 10, c: ['1', '12'] }),
      aTrade({ p: 231.5, t: T0_MS + 1, v: 0.5, c: ['1'] })
    ]
  }),
  aRecord({
    frame: frame + 1,
    symbol: 'MSFT',
    receivedAt: Date.now(),
    trades: [aTrade({ p: 1e-7, t: T0_MS + 2, v: 100, c: null })]
  })
]

/** What Finnhub's documentation gives as its example for Python. */
const PYTHON_PROGRAM = `
import sys
import websocket

def on_message(ws, message):
    print(message, flush=True)

def on_error(ws, error):
    print("error", error, flush=True)

def on_close(ws, *args):
    print("### closed ###", flush=True)

def on_open(ws):
    print("### open ###", flush=True)
    ws.send('{"type":"subscribe","symbol":"AAPL"}')
    ws.send('{"type":"subscribe","symbol":"MSFT"}')
    ws.send('{"type":"subscribe","symbol":""}')

ws = websocket.WebSocketApp(sys.argv[1], on_message=on_message, on_error=on_error, on_close=on_close)
ws.on_open = on_open
ws.run_forever()
`

/** Its client names Finnhub's address itself: sockets to it get ours. */
const NODE_PROGRAM = `
const ws = require('ws')
const path = require.resolve('ws', { paths: [require.resolve('@stoqey/finnhub')] })
const real = require(path)
require.cache[path].exports = class extends real {
  constructor(url) {
    super(url.replace(/^wss:..ws.finnhub.io.token=.*$/, process.argv[1]))
  }
}
const { FinnhubWS } = require('@stoqey/finnhub')
const client = new FinnhubWS('any')
client.on('onReady', () => {
  console.log('ready')
  client.addSymbol('AAPL')
})
client.on('onError', (error) => console.log('error', error.message))
client.on('onData', (data) => console.log(JSON.stringify(data)))
`

describe('programs written for Finnhub', options, () => {
  it('sends the frames, the errors and the pings of Finnhub, byte for byte', async (t) => {
    const { market, address } = await anApi(t)
    const python = await pythonWith(t, ['websocket-client==1.9.0'])
    const lines = linesOf(t, python, ['-c', PYTHON_PROGRAM, address])
    const answers = (): string[] => lines.filter((line) => line !== PING)
    await until('its third symbol is refused', () => answers().length > 1, LIMIT_MS)
    assert.deepEqual(answers(), ['### open ###', '{"msg":"Invalid symbol ","type":"error"}'])
    await market.publish(recordsOf(1))
    const frames = (): string[] => lines.filter((line) => line.includes('"trade"'))
    await until('both frames come', () => frames().length === FRAMES.length, LIMIT_MS)
    // Of two partitions: in any order.
    assert.deepEqual(frames().toSorted(), FRAMES.toSorted())
    await until('a ping comes', () => lines.includes(PING), LIMIT_MS)
  })

  it('serves @stoqey/finnhub, which emits the first trade of each frame', async (t) => {
    const { market, address } = await anApi(t)
    const folder = await npmFolderWith(t, [
      '@stoqey/finnhub@0.3.4',
      'dotenv@8.6.0' // which it needs and does not name
    ])
    const lines = linesOf(t, process.execPath, ['-e', NODE_PROGRAM, address], folder)
    await until('it is ready', () => lines.includes('ready'), LIMIT_MS)
    const received = (): string[] => lines.filter((line) => line.startsWith('{'))
    let frame = 1
    // It does not say when its symbol is subscribed to, so the trades are sent until they come.
    const sendAndLook = async (): Promise<boolean> => {
      await market.publish(recordsOf((frame += 2)))
      return received().length > 0
    }
    await until('a trade comes', sendAndLook, LIMIT_MS, 500)
    const date = new Date(T0_MS).toISOString()
    assert.deepEqual(JSON.parse(received()[0] ?? ''), {
      close: 231.47,
      date,
      symbol: 'AAPL',
      volume: 10
    })
  })
})
