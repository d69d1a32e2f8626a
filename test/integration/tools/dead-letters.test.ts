import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { deadTopicOf, openDeadLetters, Publisher, type DeadLetter } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'
import { runTool } from './run-tool.ts'

const options = { timeout: 120_000 }

/** `npm run dead -- …` as a process of its own. */
const dead = (env: Readonly<Record<string, string>>, ...args: string[]) =>
  runTool('dead-letters', env, ...args)

async function publishLetters(t: TestContext, market: Market, letters: readonly DeadLetter[]) {
  const deadLetters = openDeadLetters(market.kafka, { clientId: 'test' })
  t.after(() => deadLetters.close())
  await deadLetters.send(letters)
}

const fromFrame = (reason: string, raw: string): DeadLetter => ({ stage: 'producer', reason, raw })

/** A frame that an earlier producer refused. */
const FRAME = JSON.stringify({
  data: [
    { ...aTrade({ p: 101, v: 5 }), s: 'AAPL' },
    { ...aTrade({ p: 102, v: 7 }), s: 'AAPL' },
    { ...aTrade({ p: 300, v: 1 }), s: 'MSFT' }
  ],
  type: 'trade'
})
const ALPACA =
  '[{"T":"t","S":"TSLA","i":7,"x":"V","p":402.5,"s":3,"c":["@"],"t":"2026-03-10T14:00:01.5Z","z":"C"}]'
const TRADE = JSON.stringify({ ...aTrade({ p: 103, v: 11 }), s: 'AAPL' })

async function volumeOf({ database }: Market, symbol: string): Promise<number | undefined> {
  const bar = await database.bars.findOne({ symbol, timeframe: '1m' })
  return bar?.volume
}

describe('npm run dead', () => {
  it(
    'lists letters by stage and reason, shows the raw text, and hides dropped ones',
    options,
    async (t) => {
      const market = await openMarket(t)
      await publishLetters(t, market, [
        fromFrame('frame is not JSON: Unexpected end', '{"da'),
        fromFrame('frame is not JSON: Unexpected token', 'x\u001b[2J'),
        fromFrame('price is not positive', '{"s":"AAPL","p":0}')
      ])
      const listed = await dead(market.env, 'list')
      assert.equal(listed.code, 0, listed.output)
      assert.match(listed.output, /3 letters open/)
      assert.match(listed.output, / 2 +producer +frame is not JSON +open +\S+Z +1\n/)
      const shown = await dead(market.env, 'show', '--reason', 'frame is not JSON')
      assert.match(shown.output, /reason +frame is not JSON: Unexpected end\n +raw +\{"da\n/)
      assert.ok(shown.output.includes(String.raw`x\u001b[2J`), 'no letter may move the cursor')
      assert.ok(!shown.output.includes('not positive'))

      assert.match((await dead(market.env, 'drop', '2', '--dry-run')).output, /1 letters would be/)
      assert.equal((await dead(market.env, 'drop', '2')).code, 0)
      const left = await dead(market.env, 'list')
      assert.match(left.output, /2 letters open, 1 replayed or dropped \(--all lists them\)/)
      assert.ok(!left.output.includes('not positive'))
      assert.match((await dead(market.env, 'list', '--all')).output, /not positive +dropped/)
      const json = await dead(market.env, 'list', '--json')
      const { groups } = JSON.parse(json.output) as { groups: { state: string; count: number }[] }
      assert.deepEqual(
        groups.map(({ state, count }) => ({ state, count })),
        [
          { state: 'open', count: 2 },
          { state: 'dropped', count: 1 }
        ]
      )
    }
  )

  it('replays what fits now once, and says why the rest does not fit', options, async (t) => {
    const market = await openMarket(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    // A record of somebody else's, under a wrong key: the consumer's own letter.
    const foreign = aRecord({ symbol: 'AAPL', trades: [aTrade({ p: 100, v: 3 })] })
    await market.publishRaw('WRONG', JSON.stringify(foreign))
    await market.publish([{ ...foreign, frame: 2, trades: [aTrade({ p: 99, v: 2 })] }])
    await eventually(async () => {
      assert.match((await dead(market.env, 'list')).output, /consumer +key is not the symbol/)
    })
    await publishLetters(t, market, [
      fromFrame('trade frame has 3 trades', FRAME),
      fromFrame('too many conditions', TRADE),
      fromFrame('price is not positive', '{"s":"AAPL","p":0,"t":1,"v":1}'),
      fromFrame('frame has no type', '{"type":"ping"}'),
      fromFrame('some reason of old', ALPACA)
    ])
    const dry = await dead(market.env, 'replay', '--all', '--dry-run')
    assert.match(dry.output, /4 letters with 6 trades would be replayed, 2 do not fit/)
    assert.match((await dead(market.env, 'list')).output, /6 letters open\n/)

    const run = await dead(market.env, 'replay', '--all')
    assert.equal(run.code, 1, 'not all of it could be done')
    assert.match(run.output, /offset 3: does not fit: price is not positive/)
    assert.match(run.output, /offset 4: does not fit: it is a frame of kind ping, without trades/)
    assert.match(run.output, /4 letters with 6 trades replayed, 2 do not fit/)
    const whole = 3 + 2 + 5 + 7 + 11
    await eventually(async () => assert.equal(await volumeOf(market, 'AAPL'), whole))
    await eventually(async () => assert.equal(await volumeOf(market, 'MSFT'), 1))
    await eventually(async () => assert.equal(await volumeOf(market, 'TSLA'), 3))

    const again = await dead(market.env, 'replay', '0', '1', '2')
    assert.deepEqual(
      { code: again.code, replayedAlready: again.output.match(/replayed already/g)?.length },
      { code: 0, replayedAlready: 3 }
    )
    const all = await dead(market.env, 'replay', '--all')
    assert.match(all.output, /0 letters with 0 trades replayed, 2 do not fit/)
    assert.equal(await market.database.trades.countDocuments(), 7)
    const stored = await market.database.trades.findOne({ price: 103 })
    assert.match(stored?._id ?? '', /^[0-9a-z]{9}replay-2-0$/)
    assert.equal(stored?.feed, 'simulated')
  })

  it('finishes an interrupted replay under the same ids', options, async (t) => {
    const market = await openMarket(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    await publishLetters(t, market, [
      fromFrame('too many conditions', TRADE),
      fromFrame('too many conditions', TRADE)
    ])
    // As docs/dead-letters.md describes it: the mark, then one of the two records, then nothing.
    const connection = '0mwv6bn8sreplay'
    const marks = new Publisher(market.kafka, {
      clientId: 'test',
      topic: deadTopicOf(market.kafka.topic)
    })
    t.after(() => marks.close())
    const mark = { mark: 'replaying', letters: [0, 1], connection }
    await marks.send([{ key: ' mark', value: JSON.stringify(mark) }])
    const trade = aTrade({ p: 103, v: 11 })
    await market.publish([aRecord({ connection, frame: 0, receivedAt: START_MS, trades: [trade] })])
    await eventually(async () => assert.equal(await volumeOf(market, 'AAPL'), 11))
    assert.match(
      (await dead(market.env, 'list')).output,
      /2 +producer +too many conditions +in doubt/
    )

    // Whatever is asked for: what is in doubt comes first, and all of it.
    const run = await dead(market.env, 'replay', '1')
    assert.equal(run.code, 0, run.output)
    assert.match(run.output, /2 letters of an interrupted run are replayed first/)
    await eventually(async () => assert.equal(await volumeOf(market, 'AAPL'), 22))
    assert.equal(await market.database.trades.countDocuments(), 2)
    assert.match((await dead(market.env, 'list')).output, /0 letters open, 2 replayed or dropped/)
  })

  it(
    'finds the broker of npm start by its data folder, or says what to set',
    options,
    async (t) => {
      const market = await openMarket(t)
      const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-dead-'))
      t.after(() => rm(folder, { recursive: true, force: true }))
      const env = { TAPEDECK_DATA_DIR: folder, KAFKA_TOPIC: market.kafka.topic }
      const none = await dead(env, 'list')
      assert.equal(none.code, 2)
      assert.match(none.output, /KAFKA_BROKERS is not set and .*ports\.json names no port/)
      const port = Number(market.kafka.brokers[0]?.split(':').at(-1))
      await writeFile(path.join(folder, 'ports.json'), JSON.stringify({ kafka: port }))
      const found = await dead(env, 'list')
      assert.deepEqual(
        { code: found.code, saysNoneOpen: found.output.includes('0 letters open') },
        { code: 0, saysNoneOpen: true },
        found.output
      )
      await writeFile(path.join(folder, 'ports.json'), JSON.stringify({ kafka: 9 }))
      const away = await dead(env, 'list')
      assert.equal(away.code, 2)
      assert.match(
        away.output,
        /Cannot reach Kafka at 127\.0\.0\.1:9 \(from .*is npm start running/
      )
    }
  )

  it('names wrong arguments and exits with 2', options, async () => {
    for (const [args, expected] of [
      [[], /no command found, expected list, show, replay, drop/],
      [['show'], /0 selections found, expected one of/],
      [['replay', '1', '--all'], /2 selections found/],
      [['drop', 'x'], /offset x found, expected a whole number/],
      [['list', '--bogus'], /--bogus/]
    ] as const) {
      const { code, output } = await dead({}, ...args)
      assert.equal(code, 2, output)
      assert.match(output, expected)
    }
    const help = await dead({}, '--help')
    assert.equal(help.code, 0)
  })
})
