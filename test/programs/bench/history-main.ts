/**
 * `npm run bench:history`: what it costs the api to write many trades to a file. Exit code 0 only when every file has
 * every trade and the api stayed below its memory.
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { get as httpGet, type IncomingMessage } from 'node:http'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { commandLine, runCommand, table, type Terminal } from '@tapedeck/core'
import { SERVER_SETTINGS } from '@tapedeck/stack/testing'
import { TABLE_FORMAT_NAMES } from '@tapedeck/table'
import { temporaryFolder } from '../../support/scope.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { servers } from '../../support/servers.ts'
import type { RunningService } from '../../support/service-process.ts'
import { onServers, readyApi } from './on-servers.ts'
import { storeTrades } from './stored-trades.ts'
import { processCost } from '../verify-tape/process-cost.ts'

/** Resident memory of the api at most, MiB. */
const MEMORY_LIMIT = 300

const command = commandLine({
  name: 'bench:history',
  purpose:
    'Stores synthetic trades in a real database and reads all of them through a real api in every format, with the memory of the api.',
  forms: ['-- [--trades N] [--formats LIST] [--json]'],
  options: {
    trades: ['text', 'N', 'trades (10000000)'],
    formats: ['text', 'LIST', `some of ${TABLE_FORMAT_NAMES.join(', ')} (all)`],
    json: ['flag', 'the last line is one JSON object']
  },
  settings: SERVER_SETTINGS,
  exits: [
    'every file has every trade',
    'some do not, or the api used too much memory',
    'wrong arguments, or a server is missing'
  ],
  example: '-- --trades 1000000 --formats parquet',
  read: (given) => ({
    trades: given.whole('trades', 1, 1e9) ?? 10_000_000,
    formats: (given.list('formats') ?? TABLE_FORMAT_NAMES).map(
      (name) => given.choiceOf('--formats', name, TABLE_FORMAT_NAMES) ?? 'csv'
    ),
    isJson: given.flag('json')
  })
})

interface FormatRun {
  readonly format: string
  readonly rows: number
  readonly seconds: number
  readonly bytes: number
  /** Of the api while it wrote, MiB. */
  readonly memory: number
}

async function main(
  given: Exclude<ReturnType<typeof command.read>, 'help'>,
  terminal: Terminal
): Promise<0 | 1> {
  const runs = await onServers(async ({ scope, signal }) => {
    const folder = await temporaryFolder(scope)
    const { env, mongoUri, database: name } = servers()
    const { database } = await ownDatabase(scope, { mongoUri, database: name })
    await storeTrades(database, given.trades, terminal, signal)
    const { api, port } = await readyApi(scope, env)
    const done: FormatRun[] = []
    for (const format of given.formats) {
      const run = await download(api, port, format, path.join(folder, format))
      terminal.note(`  ${rowOf(run).join('  ')}`)
      done.push(run)
      await rm(path.join(folder, format))
    }
    return done
  })
  const columns = ['format', 'rows', 'seconds', 'rows/s', 'bytes a row', 'MiB of the api']
  terminal.write(table([columns, ...runs.map(rowOf)]))
  if (given.isJson) terminal.write(`${JSON.stringify({ runs })}\n`)
  return runs.every(({ rows, memory }) => rows === given.trades && memory < MEMORY_LIMIT) ? 0 : 1
}

const SAMPLE_MS = 250

/** Downloads all trades to a file. */
async function download(
  { pid }: RunningService,
  port: number,
  format: string,
  file: string
): Promise<FormatRun> {
  const startedAtMs = performance.now()
  const url = `http://127.0.0.1:${port}/api/v1/trades?from=0&format=${format}`
  const [response] = (await once(httpGet(url), 'response')) as [IncomingMessage]
  let memory = 0
  const sample = async (): Promise<void> => {
    memory = Math.max(memory, (await processCost('api', pid))?.rssMebibytes ?? 0)
  }
  const timer = setInterval(() => void sample(), SAMPLE_MS)
  try {
    await pipeline(response, createWriteStream(file))
    await sample()
  } finally {
    clearInterval(timer)
  }
  return {
    format,
    rows: Number(response.trailers['tapedeck-rows'] ?? 0),
    seconds: (performance.now() - startedAtMs) / 1000,
    bytes: (await stat(file)).size,
    memory
  }
}

function rowOf({ format, rows, seconds, bytes, memory }: FormatRun): string[] {
  return [
    format,
    String(rows),
    seconds.toFixed(1),
    String(Math.round(rows / seconds)),
    (bytes / Math.max(1, rows)).toFixed(1),
    memory.toFixed(0)
  ]
}

await runCommand({ ...command, run: main })
