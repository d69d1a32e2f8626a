/**
 * `npm run bench:floor`: how near tapedeck comes to a loop that only parses and stores, on one backlog in one pass.
 * Exit code 0 only when every trade was stored once in every run.
 */
import { commandLine, runCommand, type Terminal } from '@tapedeck/core'
import { SERVER_SETTINGS } from '@tapedeck/stack/testing'
import { servers } from '../../support/servers.ts'
import { fillTopic } from './backlog.ts'
import { runFloor, type Contender, type FloorRun } from './floor-run.ts'
import { floorRows, floorTable } from './floor-table.ts'
import { onServers } from './on-servers.ts'
import { readSyntheticOptions, syntheticRecords, SYNTHETIC_OPTIONS } from './synthetic-trades.ts'
import { tapeRecords } from './tape-records.ts'

const FOUR = {
  TIMEFRAMES: '1s,1m,5m,1h',
  FORECASTS: '1m:20:1',
  BARS_TOPIC: 'off',
  FORECASTS_TOPIC: 'off'
}

/** The floor first: the others are set against it. */
const CONTENDERS: readonly (Contender & { readonly budget?: number })[] = [
  { name: 'floor: JSON.parse, insertMany, no journal', loop: 'plain' },
  { name: 'floor-bytes: decode, document as bytes, journaled', loop: 'bytes' },
  {
    name: 'tapedeck, four timeframes, one forecast',
    loop: 'consumer',
    env: FOUR,
    budget: 0.95
  },
  { name: 'tapedeck as shipped', loop: 'consumer', env: {}, budget: 0.66 }
]

const WHOLE_TAPE_TRADES = 1_000_000_000

const command = commandLine({
  name: 'bench:floor',
  purpose:
    'Stores one backlog in turn by a loop that only parses and inserts, by one with the documents of tapedeck, and by the ' +
    'consumer; says how near the consumer comes.',
  forms: ['-- [--trades N | --tape FILE] [--rounds N] [--json]'],
  options: {
    ...SYNTHETIC_OPTIONS,
    trades: ['text', 'N', 'trades in the topic (400000, or the whole tape)'],
    tape: ['text', 'FILE', 'takes the trades of a recorded tape instead, .ndjson or .ndjson.gz'],
    partitions: ['text', 'N', 'of the topic (6)'],
    rounds: ['text', 'N', 'runs of each, in turn (3)'],
    json: ['flag', 'the last line is one JSON object']
  },
  settings: SERVER_SETTINGS,
  notes: `Speed and CPU count from the first stored trade to the last one, without the start of the process.
All write to the same collection with the same index. A budget is a part of the floor's speed, the
median over the rounds; it is shown as met or missed and does not change the exit code.
Let nothing else run meanwhile.`,
  exits: [
    'every trade is stored once in every run',
    'that does not hold',
    'wrong arguments, or a server is missing'
  ],
  example: '-- --trades 200000 --rounds 5',
  read(given) {
    const tape = given.text('tape')
    return {
      shape: readSyntheticOptions(given, tape === undefined ? 400_000 : WHOLE_TAPE_TRADES),
      tape,
      partitions: given.whole('partitions', 1, 1000) ?? 6,
      rounds: given.whole('rounds', 1, 100) ?? 3,
      isJson: given.flag('json')
    }
  }
})

async function main(
  { shape, tape, partitions, rounds, isJson }: Exclude<ReturnType<typeof command.read>, 'help'>,
  terminal: Terminal
): Promise<0 | 1> {
  const say = (text: string): void => terminal.note(`  ${text}`)
  return onServers(async ({ processes, signal }) => {
    const { brokers, mongoUri, topic } = servers()
    const kafka = { brokers, topic, ssl: false, sasl: undefined }
    const records =
      tape === undefined ? syntheticRecords(shape) : await tapeRecords(tape, shape.trades)
    const backlog = await fillTopic(kafka, records, partitions, say)
    terminal.write(`${backlog.trades} trades in ${backlog.records} records\n\n`)
    const mongodPid = processes.find(({ name }) => name === 'mongod')?.pid
    const runs = CONTENDERS.map((contender) => ({ contender, rounds: [] as FloorRun[] }))
    const problems: string[] = []
    for (let round = 1; round <= rounds; round++) {
      for (const { contender, rounds: own } of runs) {
        const { database } = servers()
        const options = { kafka, mongoUri, database, backlog, mongodPid, signal }
        const run = await runFloor(contender, options)
        own.push(run)
        problems.push(...run.problems.map((problem) => `${contender.name}: ${problem}`))
        say(`round ${round}  ${contender.name}: ${Math.round(run.tradesPerSecond)} trades/s`)
      }
    }
    const rows = floorRows(
      runs.map(({ contender: { name, budget }, rounds: own }) => ({ name, budget, rounds: own }))
    )
    terminal.write(`${floorTable(rows)}\n`)
    terminal.write(problems.map((problem) => `! ${problem}\n`).join(''))
    const holds = problems.length === 0
    terminal.write(holds ? 'holds: every trade once in every run\n' : 'FAILS\n')
    if (isJson) terminal.write(`${JSON.stringify({ holds, problems, rows })}\n`)
    return holds ? 0 : 1
  })
}

await runCommand({ ...command, run: main })
