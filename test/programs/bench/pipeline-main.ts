/**
 * `npm run bench:pipeline`: fills a topic, then measures how fast consumers store it all in MongoDB.
 * Exit code 0 only when every trade stands once and any number of consumers gives the same bars.
 */
import { commandLine, runCommand, type Terminal } from '@tapedeck/core'
import { SERVER_SETTINGS } from '@tapedeck/stack/testing'
import { servers } from '../../support/servers.ts'
import { fillTopic, type Backlog } from './backlog.ts'
import { onServers } from './on-servers.ts'
import { runPipeline, type PipelineRun } from './pipeline-run.ts'
import { readSyntheticOptions, syntheticRecords, SYNTHETIC_OPTIONS } from './synthetic-trades.ts'
import { tapeRecords } from './tape-records.ts'

function table(run: PipelineRun, trades: number): string {
  const { processes, lag, written } = run
  const quarters = [0.25, 0.5, 0.75].map((part) => lag[Math.floor(lag.length * part)])
  const lines = [
    '',
    `consumers      ${run.consumers}`,
    `stored         ${run.trades} trades of ${trades}, ${run.bars} bars (${run.barsHash})`,
    `speed          ${run.tradesPerSecond} trades/s from the first bar on, ${run.seconds.toFixed(1)} s in all`,
    `first bar      ${run.firstBarSeconds.toFixed(2)} s after the start of the process`,
    ...(run.resumeSeconds === undefined
      ? []
      : [`after the kill ${run.resumeSeconds.toFixed(2)} s until bars were stored again`]),
    `written        bars ${written.provisionalBars} provisional, ${written.otherBars} final or revised; forecasts ${written.forecasts}; ${written.flushes} flushes`,
    `checkpoint     ${run.checkpointBytes} bytes`,
    `records behind ${quarters.map((point) => (point ? `${point[1]} at ${point[0]} s` : '')).join(', ')}`,
    ...processes.map(
      ({ name, cpuSeconds, rssMebibytes }) =>
        `${name.padEnd(14)} ${cpuSeconds.toFixed(1)} s CPU, ${((cpuSeconds / trades) * 1e6).toFixed(1)} us a trade, ${rssMebibytes} MiB`
    ),
    ...run.problems.map((problem) => `! ${problem}`)
  ]
  return `${lines.join('\n')}\n`
}

function filled({ trades, records, bytes, seconds }: Backlog): string {
  return (
    `filled         ${trades} trades in ${records} records of ${Math.round(bytes / records)} bytes, ` +
    `${Math.round(records / seconds)} records/s\n`
  )
}

const WHOLE_TAPE_TRADES = 1_000_000_000

const command = commandLine({
  name: 'bench:pipeline',
  purpose: 'Fills a topic, then measures how fast consumers store it all in MongoDB.',
  forms: ['-- [--trades N | --tape FILE] [--consumers LIST] [--kill] [--json]'],
  options: {
    ...SYNTHETIC_OPTIONS,
    trades: ['text', 'N', 'trades in the topic (200000, or the whole tape)'],
    tape: ['text', 'FILE', 'takes the trades of a recorded tape instead, .ndjson or .ndjson.gz'],
    partitions: ['text', 'N', 'of the topic (6)'],
    consumers: ['text', 'LIST', 'one run each (1,2,3)'],
    timeframes: ['text', 'LIST', "instead of the consumer's own"],
    kill: ['flag', 'kills the first consumer half way (SIGKILL) and starts another at once'],
    slow: [
      'text',
      'PERCENT',
      'each consumer runs so much of the time only, as on a slow core of its own'
    ],
    profile: ['text', 'DIR', 'write a CPU profile of each consumer'],
    json: ['flag', 'the last line is one JSON object']
  },
  settings: SERVER_SETTINGS,
  exits: [
    'every trade is stored once and all runs give the same bars',
    'that does not hold',
    'wrong arguments, or a server is missing'
  ],
  example: '-- --trades 50000 --consumers 1,2 --kill',
  read: (given) => ({
    shape: readSyntheticOptions(
      given,
      given.text('tape') === undefined ? undefined : WHOLE_TAPE_TRADES
    ),
    tape: given.text('tape'),
    partitions: given.whole('partitions', 1, 1000) ?? 6,
    runs: (given.list('consumers') ?? ['1', '2', '3']).map(
      (text) => given.wholeOf('--consumers', text, 1, 100) ?? 1
    ),
    timeframes: given.text('timeframes'),
    kill: given.flag('kill'),
    slowPercent: given.whole('slow', 1, 99),
    profileDir: given.text('profile'),
    isJson: given.flag('json')
  })
})

async function main(
  given: Exclude<ReturnType<typeof command.read>, 'help'>,
  terminal: Terminal
): Promise<0 | 1> {
  const { shape, tape, timeframes, kill, slowPercent, profileDir } = given
  const say = (text: string): void => terminal.note(`  ${text}`)
  const runs: PipelineRun[] = []
  const problems: string[] = []
  return onServers(async ({ processes, signal }) => {
    const { brokers, mongoUri, topic } = servers()
    const kafka = { brokers, topic, ssl: false, sasl: undefined }
    const records =
      tape === undefined ? syntheticRecords(shape) : await tapeRecords(tape, shape.trades)
    const backlog = await fillTopic(kafka, records, given.partitions, say)
    const { trades, bySymbol } = backlog
    terminal.write(filled(backlog))
    for (const consumers of given.runs) {
      signal.throwIfAborted()
      const { database } = servers()
      const run = await runPipeline({
        kafka,
        mongoUri,
        database,
        group: database,
        consumers,
        kill,
        slowPercent,
        trades,
        bySymbol,
        areAllInBars: tape === undefined,
        env: timeframes === undefined ? {} : { TIMEFRAMES: timeframes },
        servers: processes,
        profileDir,
        say
      })
      runs.push(run)
      terminal.write(table(run, trades))
      problems.push(...run.problems.map((problem) => `${consumers} consumers: ${problem}`))
      if (run.barsHash !== runs[0]?.barsHash) {
        problems.push(`${consumers} consumers: other bars than with ${runs[0]?.consumers}`)
      }
    }
    const holds = problems.length === 0
    const verdict = problems.map((problem) => `! ${problem}\n`).join('')
    terminal.write(holds ? '\nholds: every trade once, the same bars\n' : `\n${verdict}FAILS\n`)
    if (given.isJson) terminal.write(`${JSON.stringify({ holds, problems, runs })}\n`)
    return holds ? 0 : 1
  })
}

await runCommand({ ...command, run: main })
