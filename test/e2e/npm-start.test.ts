import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import { DEFAULT_SYMBOLS } from '@tapedeck/domain'
import { openDatabase } from '@tapedeck/mongo'
import { eventually } from '../support/eventually.ts'
import { standIn } from '../support/grafana-stand-in.ts'
import { databaseConfig } from '../support/own-database.ts'

const root = path.resolve(import.meta.dirname, '../..')

// README promise: `npm start` alone brings up all of it, and every symbol has bars and forecasts.
describe('npm start', () => {
  it(
    'stores bars and forecasts of every symbol with all services ready',
    { timeout: 300_000 },
    async (t) => {
      const dataDir = await mkdtemp(path.join(tmpdir(), 'tapedeck-start-'))
      t.after(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }))
      const grafana = await standIn(t)
      const {
        KAFKA_BROKERS: _k,
        MONGODB_URI: _m,
        SYMBOLS: _s,
        FINNHUB_TOKEN: _f,
        ...env
      } = process.env
      const child = spawn('npm', ['start'], {
        cwd: root,
        // A forecast that needs half a minute of bars instead of the usual minutes.
        env: {
          ...env,
          TAPEDECK_DATA_DIR: dataDir,
          FORECASTS: '5s:6:1',
          GRAFANA_HOME: grafana.home
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true
      })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (piece: string) => {
          output += piece
        })
      }
      const exited = once(child, 'exit')
      t.after(async () => {
        if (child.exitCode === null && child.signalCode === null)
          process.kill(-child.pid!, 'SIGTERM')
        await exited
      })
      await eventually(
        () => {
          assert.equal(child.exitCode, null, output)
          assert.match(output, /first bar stored after/)
        },
        { timeoutMs: 240_000 }
      )
      assert.match(output, /simulated trades/)
      const page = /Page\s+(http:\S+)/.exec(output)?.[1] ?? ''
      const uri = /mongosh '(mongodb:[^']+)'/.exec(output)?.[1] ?? ''

      for (const url of [`${page}readyz`, ...output.matchAll(/http:\S+readyz/g)].map(String)) {
        await eventually(async () => assert.equal((await fetch(url)).status, 200, url))
      }
      const targets = JSON.parse(
        await readFile(path.join(dataDir, 'prometheus-targets.json'), 'utf8')
      ) as { targets: [string]; labels: { service: string } }[]
      assert.equal(targets.length, 5)
      for (const {
        targets: [target],
        labels
      } of targets) {
        const text = await (await fetch(`http://${target}/metrics`)).text()
        assert.match(text, /^tapedeck_memory_limit_bytes [1-9]/m, labels.service)
      }
      const listed = (await (await fetch(`${page}api/v1/symbols`)).json()) as {
        mode: string
        symbols: { symbol: string }[]
      }
      assert.deepEqual(
        { mode: listed.mode, symbols: listed.symbols.map(({ symbol }) => symbol) },
        { mode: 'simulated', symbols: DEFAULT_SYMBOLS }
      )
      assert.match(await (await fetch(page)).text(), /<title>/)

      const shown = /Grafana\s+(http:\S+)/.exec(output)?.[1] ?? ''
      await eventually(() => assert.match(output, /Grafana 13\.2\.3 shows the market on http:/))
      assert.equal((await fetch(`${shown}/api/health`)).status, 200)
      const { env: given } = (await grafana.calls()).at(-1) ?? assert.fail('Grafana was not called')
      assert.equal(given['TAPEDECK_API_URL'], page.replace(/\/$/, ''))
      assert.equal(given['MONGODB_URI'], undefined)

      // The beat has the schedules of the project, and the worker runs what is asked for.
      const scheduled = (await (await fetch(`${page}api/v1/batch/schedules`)).json()) as {
        schedules: { schedule: string; next: number[] }[]
      }
      assert.deepEqual(
        scheduled.schedules.map(({ schedule, next }) => [schedule, next.length]),
        [
          ['audit', 5],
          ['forecast-report', 5],
          ['nightly', 5],
          ['retention', 5]
        ]
      )

      const database = await openDatabase(databaseConfig(uri, 'tapedeck'))
      t.after(() => database.close())
      for (const symbol of DEFAULT_SYMBOLS) {
        await eventually(
          async () => {
            assert.ok(await database.trades.findOne({ symbol }), `trades of ${symbol}`)
            for (const timeframe of ['1s', '1m', '1d']) {
              assert.ok(
                await database.bars.findOne({ symbol, timeframe }),
                `${timeframe} of ${symbol}`
              )
            }
            assert.ok(await database.forecasts.findOne({ symbol }), `forecasts of ${symbol}`)
          },
          { timeoutMs: 90_000 }
        )
      }

      process.kill(-child.pid!, 'SIGINT')
      // npm ends by the signal itself; the stack's own exit code is tested where it runs without npm.
      await exited
      assert.match(output, /Stopped, nothing is left running/)
      assert.doesNotMatch(output, /Stopping[^]*! /)
      await assert.rejects(fetch(`${shown}/api/health`))
    }
  )
})
