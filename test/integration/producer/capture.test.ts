import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { eventually } from '../../support/eventually.ts'
import { openMarket } from '../../support/market.ts'
import { startScriptedFeed } from '../../support/scripted-feed.ts'
import { startProducerProcess, temporaryFolder } from './killed-producer.ts'

interface Line {
  readonly t: number
  readonly c: string
  readonly n: number
  readonly f: string
}

/** The lines of a capture folder, file after file in the order of their names. */
async function captured(dir: string): Promise<{ files: number; lines: Line[] }> {
  const names = (await readdir(dir)).toSorted()
  const lines: Line[] = []
  for (const name of names) {
    const text = gunzipSync(await readFile(path.join(dir, name))).toString()
    lines.push(
      ...text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]))
    )
  }
  return { files: names.length, lines }
}

it(
  'captures every frame of every connection byte for byte, also when it is killed',
  { timeout: 120_000 },
  async (t) => {
    const market = await openMarket(t)
    const feed = await startScriptedFeed(t)
    const dir = await temporaryFolder(t)
    const producer = startProducerProcess(t, {
      ...market.env,
      MONGODB_URI: '',
      FINNHUB_TOKEN: 'token',
      FINNHUB_URL: feed.url,
      CAPTURE_DIR: dir
    })
    const startedAt = Date.now()
    const sent: string[][] = [[], []]
    for (const [connection, texts] of sent.entries()) {
      await eventually(() => assert.equal(feed.connections[connection]?.symbols.length, 2))
      for (let i = 1; i <= 300; i++) {
        const data = [{ c: ['1'], p: i, s: 'AAPL', t: 1_764_000_600_000, v: 1 }]
        texts.push(i % 7 === 0 ? '{ "type" : "ping" }' : JSON.stringify({ type: 'trade', data }))
      }
      texts.push('{', '', '{"type":"trade","data":[{"s":"é \\u2028"}]}')
      for (const text of texts) feed.send(text)
      await eventually(async () => {
        assert.equal((await captured(dir)).lines.length, sent.flat().length)
      })
      feed.connections[connection]?.socket.terminate()
    }
    await producer.kill()
    const { files, lines } = await captured(dir)
    assert.equal(files, 2)
    assert.deepEqual(
      lines.map(({ f }) => f),
      sent.flat()
    )
    assert.deepEqual(
      lines.map(({ n }) => n),
      sent.flatMap((texts) => texts.map((_, i) => i + 1))
    )
    assert.equal(new Set(lines.map(({ c }) => c)).size, 2)
    assert.ok(lines.every(({ t: at }) => at >= startedAt && at <= Date.now()))
  }
)
