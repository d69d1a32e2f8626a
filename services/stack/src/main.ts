import { readFileSync } from 'node:fs'
import { commandLine, hasCode, runCommand } from '@tapedeck/core'
import { startStack } from './app.ts'
import { SERVER_SETTINGS } from './config.ts'
import { createProgress } from './screen.ts'
import { readSettings } from './settings.ts'

/** A stop that hangs is cut short: the guard (libs/core/src/guard.ts) ends the children that still run. */
const STOP_LIMIT_MS = 9500
const PARENT_CHECK_MS = 1000

// Whatever is written here and by the servers is for the owner alone.
process.umask(0o077)
// The terminal may be closed before the stack ends; its output is then discarded.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
// Times are shown from the start of the process: reading all settings takes seconds on a busy machine.
const STARTED_MS = 0
const progress = createProgress((text) => process.stdout.write(text), STARTED_MS)
const stopping = new AbortController()
const ended = Promise.withResolvers<unknown>()
const stop = (why: string): void => {
  if (stopping.signal.aborted) process.exit(1)
  progress.say(`Stopping (${why})`)
  stopping.abort()
  ended.resolve(undefined)
  setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref()
}
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop(name))
stopWithNpm()

await runCommand({
  ...commandLine({
    name: 'start',
    purpose:
      'Starts everything: Kafka, MongoDB, producer, consumer and api, and keeps it running until Ctrl-C. Without a ' +
      'key the trades come from a simulator.',
    options: {},
    settings: {
      SYMBOLS: 'what is followed, between commas: AAPL,MSFT,BINANCE:BTCUSDT',
      FINNHUB_TOKEN: "your key; then trades come from Finnhub's feed",
      GRAFANA_HOME: 'home of a Grafana to start, if it is not a usual one; off: none',
      API_PORT: 'port of the live page and the api (the first free one from 8080 on)',
      ...SERVER_SETTINGS,
      START_LIMIT: 'how long a start may do nothing before it counts as failed (60s)'
    },
    notes:
      'npm run doctor says whether it can start; npm run stack:fetch fetches what it would fetch.',
    exits: [
      'asked to stop',
      'failed',
      'a mistake in the configuration, a server missing, or a port or folder in use'
    ],
    example: '',
    read: () => undefined
  }),
  run
})
process.exit()

async function run(): Promise<0 | 1> {
  try {
    const config = await readSettings(process.env, { progress, signal: stopping.signal })
    const stack = await startStack(config, {
      progress,
      startedMs: STARTED_MS,
      signal: stopping.signal,
      onFinal: ended.resolve
    })
    process.stdout.write(stack.screen)
    const failure = await ended.promise
    await stack.close()
    if (failure !== undefined) throw failure
    progress.say('Stopped, nothing is left running')
  } catch (error) {
    if (!(stopping.signal.aborted && hasCode(error, 'ABORTED'))) throw error
  }
  return 0
}

/** Under `npm start` the stack stops when npm was killed, because Ctrl-C would no longer reach the stack. */
function stopWithNpm(): void {
  if (process.env['npm_lifecycle_event'] === undefined) return
  const parent = process.ppid
  const grandparent = parentOf(parent)
  setInterval(() => {
    // npm runs a shell that runs this process; some shells stay in between, others are replaced by it.
    const isGone = process.ppid !== parent || parentOf(parent) !== grandparent
    if (isGone && !stopping.signal.aborted) stop('npm is gone')
  }, PARENT_CHECK_MS).unref()
}

/** Undefined on systems without /proc. */
function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}
