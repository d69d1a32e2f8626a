/**
 * `npm run bench:live`: how long a trade takes from its receipt to the clients of the stream, and what that costs the
 * api. Exit code 0 only when every client received every trade.
 */
import { commandLine, runCommand, table, type Terminal } from '@tapedeck/core'
import { ensureTopics } from '@tapedeck/kafka'
import { SERVER_SETTINGS } from '@tapedeck/stack/testing'
import { freePort } from '../../support/free-port.ts'
import { servers } from '../../support/servers.ts'
import { startService } from '../../support/service-process.ts'
import { runLive, type LiveRun } from './live-run.ts'
import { onServers } from './on-servers.ts'

const command = commandLine({
  name: 'bench:live',
  purpose:
    'Measures the time of a trade from its receipt to the clients of the stream, with a real broker, database, consumer and api.',
  forms: ['-- [--rates LIST] [--clients LIST] [--seconds N] [--profile DIR] [--json]'],
  options: {
    rates: ['text', 'LIST', 'trades a second (500,5000,20000)'],
    clients: ['text', 'LIST', 'clients, each with every trade and bar (1,100,1000)'],
    seconds: ['text', 'N', 'of each run (10)'],
    profile: ['text', 'DIR', 'write a CPU profile of the api in each run'],
    json: ['flag', 'the last line is one JSON object']
  },
  settings: SERVER_SETTINGS,
  exits: [
    'every client received every trade',
    'some did not',
    'wrong arguments, or a server is missing'
  ],
  example: '-- --rates 5000 --clients 100',
  read: (given) => ({
    rates: (given.list('rates') ?? ['500', '5000', '20000']).map(
      (text) => given.wholeOf('--rates', text, 1, 1_000_000) ?? 1
    ),
    clients: (given.list('clients') ?? ['1', '100', '1000']).map(
      (text) => given.wholeOf('--clients', text, 1, 1000) ?? 1
    ),
    seconds: given.whole('seconds', 1, 600) ?? 10,
    profileDir: given.text('profile'),
    isJson: given.flag('json')
  })
})

async function main(
  given: Exclude<ReturnType<typeof command.read>, 'help'>,
  terminal: Terminal
): Promise<0 | 1> {
  const runs = await onServers(async ({ scope, signal }) => {
    const { brokers, topic, env: names } = servers()
    const kafka = { brokers, topic, ssl: false, sasl: undefined }
    await ensureTopics(kafka)
    const env = { ...names, API_PORT: String(await freePort()) }
    const consumer = await startService('consumer', env)
    scope.after(() => consumer.stop())
    const done: LiveRun[] = []
    for (const tradesPerSecond of given.rates) {
      for (const clients of given.clients) {
        signal.throwIfAborted()
        const run = await runLive(kafka, env, {
          tradesPerSecond,
          clients,
          seconds: given.seconds,
          profileDir: given.profileDir
        })
        terminal.note(`  ${rowOf(run).join('  ')}`)
        done.push(run)
      }
    }
    return done
  })
  terminal.write(`${table([HEAD, ...runs.map(rowOf)])}\n`)
  if (given.isJson) terminal.write(`${JSON.stringify({ runs })}\n`)
  return runs.every(({ received, published }) => received >= published) ? 0 : 1
}

const HEAD = [
  'trades/s',
  'clients',
  'received',
  'dropped',
  'p50 ms',
  'p99 ms',
  'bar p50',
  'bar p99',
  'KB/s a client',
  'api cores',
  'api MiB'
]

function rowOf(run: LiveRun): string[] {
  return [
    String(run.tradesPerSecond),
    String(run.clients),
    `${Math.round(run.received)} of ${run.published}`,
    String(run.dropped),
    run.p50Ms.toFixed(1),
    run.p99Ms.toFixed(1),
    run.barP50Ms.toFixed(0),
    run.barP99Ms.toFixed(0),
    (run.bytesPerClient / 1024).toFixed(0),
    run.cpu.toFixed(2),
    String(run.rssMebibytes)
  ]
}

await runCommand({ ...command, run: main })
