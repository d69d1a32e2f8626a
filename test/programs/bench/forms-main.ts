/**
 * `npm run bench:forms`: what other forms of stored trades would cost and save (docs/adr/0059-one-document-a-trade.md).
 * Exit code 0 only when every form gives the same rows to every read.
 */
import { performance } from 'node:perf_hooks'
import { commandLine, runCommand, table, type Terminal } from '@tapedeck/core'
import type { Database, TradeDocument } from '@tapedeck/mongo'
import { SERVER_SETTINGS } from '@tapedeck/stack/testing'
import { ownDatabase } from '../../support/own-database.ts'
import { servers } from '../../support/servers.ts'
import { processCost } from '../verify-tape/process-cost.ts'
import { medianOf } from './measure.ts'
import { onServers } from './on-servers.ts'
import { readSyntheticOptions, syntheticRecords, SYNTHETIC_OPTIONS } from './synthetic-trades.ts'
import { TRADE_FORMS, tradesOf, type Fields, type TradeForm } from './trade-forms.ts'

const command = commandLine({
  name: 'bench:forms',
  purpose:
    'Stores the same trades in several forms, in turn, and reads each of them in the same ways.',
  forms: ['-- [--trades N] [--symbols N] [--json]'],
  options: { ...SYNTHETIC_OPTIONS, json: ['flag', 'the last line is one JSON object'] },
  settings: SERVER_SETTINGS,
  exits: [
    'every form gave the same rows to every read',
    'some did not',
    'wrong arguments, or a server is missing'
  ],
  example: '-- --trades 1000000 --symbols 1000',
  read: (given) => ({ shape: readSyntheticOptions(given), isJson: given.flag('json') })
})

/** Trades of one insert, and inserts of one form before the next has its turn. */
const BATCH = 5000
const BATCHES_A_TURN = 10

interface Cost {
  trades: number
  mongodSeconds: number
  clientSeconds: number
  seconds: number
}

/** A read as its user types it. */
interface Read {
  readonly name: string
  run(form: TradeForm): Promise<unknown>
}

async function main(
  { shape, isJson }: Exclude<ReturnType<typeof command.read>, 'help'>,
  terminal: Terminal
): Promise<0 | 1> {
  return onServers(async ({ scope, signal, processes }) => {
    const { mongoUri, database: name } = servers()
    const { database } = await ownDatabase(scope, { mongoUri, database: name })
    const mongod = processes.find((one) => one.name.startsWith('mongod'))?.pid ?? 0
    for (const form of TRADE_FORMS) await form.prepare(database.db)

    const costs = new Map<TradeForm, Cost>()
    for (const form of TRADE_FORMS) {
      costs.set(form, { trades: 0, mongodSeconds: 0, clientSeconds: 0, seconds: 0 })
    }
    let stored = 0
    let newest: TradeDocument | undefined
    for (const turn of turns(syntheticRecords(shape))) {
      signal.throwIfAborted()
      for (const [form, cost] of costs) await insertTurn(database, form, turn, cost, mongod)
      stored += turn.flat(2).length
      newest = turn.at(-1)?.at(-1)?.at(-1)
      terminal.progress(`${stored} of ${shape.trades} trades stored in every form`)
    }
    if (newest === undefined) throw new Error('no trade was made')

    const sizes = await sizesOf(database)
    const columns = ['form', 'mongod us', 'client us', 'wall us', 'data bytes', 'index bytes']
    terminal.write(
      table([
        columns,
        ...[...costs].map(([form, cost]) => [
          form.name,
          ...[cost.mongodSeconds, cost.clientSeconds, cost.seconds].map((seconds) =>
            ((seconds / cost.trades) * 1e6).toFixed(1)
          ),
          ...(sizes.get(form) ?? []).map((bytes) => (bytes / stored).toFixed(1))
        ])
      ])
    )

    const rows: string[][] = []
    let isSame = true
    for (const read of readsOf(database, newest)) {
      const results: string[] = []
      const times: number[] = []
      for (const form of TRADE_FORMS) {
        const { ms, result } = await timed(read, form)
        times.push(ms)
        results.push(JSON.stringify(result))
      }
      const same = new Set(results).size === 1
      isSame &&= same
      rows.push([read.name, ...times.map((ms) => ms.toFixed(1)), same ? '' : '! other rows'])
    }
    terminal.write(
      `\n${table([['read, ms', ...TRADE_FORMS.map((form) => form.name), ''], ...rows])}`
    )
    if (isJson) {
      const byForm = [...costs].map(([form, cost]) => ({ form: form.name, ...cost }))
      terminal.write(`${JSON.stringify({ stored, costs: byForm, reads: rows })}\n`)
    }
    return isSame ? 0 : 1
  })
}

/** Records in batches of about `BATCH` trades, some batches a turn: for each form the same. */
function* turns(records: Iterable<Parameters<typeof tradesOf>[0]>): Generator<TradeDocument[][][]> {
  let turn: TradeDocument[][][] = []
  let batch: TradeDocument[][] = []
  let count = 0
  for (const record of records) {
    batch.push(tradesOf(record))
    count += record.trades.length
    if (count < BATCH) continue
    turn.push(batch)
    batch = []
    count = 0
    if (turn.length < BATCHES_A_TURN) continue
    yield turn
    turn = []
  }
  if (batch.length > 0) turn.push(batch)
  if (turn.length > 0) yield turn
}

async function insertTurn(
  { db }: Database,
  form: TradeForm,
  turn: readonly TradeDocument[][][],
  cost: Cost,
  mongod: number
): Promise<void> {
  const collection = db.collection(form.stored, { writeConcern: { w: 'majority', journal: true } })
  const before = await processCost('mongod', mongod)
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  for (const batch of turn) {
    const documents = batch.flatMap((trades) => form.documents(trades))
    await collection.insertMany(documents, { ordered: false })
    cost.trades += batch.reduce((sum, trades) => sum + trades.length, 0)
  }
  cost.seconds += (performance.now() - startedMs) / 1000
  const { user, system } = process.cpuUsage(cpu)
  cost.clientSeconds += (user + system) / 1e6
  const after = await processCost('mongod', mongod)
  cost.mongodSeconds += (after?.cpuSeconds ?? NaN) - (before?.cpuSeconds ?? NaN)
}

/** Bytes on disk of the documents, and of all indexes, after a checkpoint of the storage engine. */
async function sizesOf({ db }: Database): Promise<ReadonlyMap<TradeForm, readonly number[]>> {
  await db.admin().command({ fsync: 1 })
  const sizes = new Map<TradeForm, readonly number[]>()
  for (const form of TRADE_FORMS) {
    const stats = await db.command({ collStats: form.stored })
    sizes.set(form, [Number(stats['storageSize']), Number(stats['totalIndexSize'])])
  }
  return sizes
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** The reads of README.md, of the api and of the tools, each for the symbol of the newest trade. */
function readsOf({ db }: Database, newest: TradeDocument): Read[] {
  const { symbol } = newest
  const end = new Date(newest.tradedAt.getTime() + 1)
  const since = (ms: number): Date => new Date(end.getTime() - ms)
  const find = (form: TradeForm, filter: Fields, limit = 0): Promise<unknown> =>
    db
      .collection(form.read)
      .find(filter, { maxTimeMS: READ_LIMIT_MS })
      .sort({ [form.newest]: -1 })
      .project({ _id: 0, symbol: 1, tradedAt: 1 })
      .limit(limit)
      .toArray()
  const ofSymbol = (form: TradeForm): Fields =>
    form.newest === '_id' ? form.range(symbol, new Date(0), end) : { symbol }
  return [
    { name: 'the newest 10 of a symbol', run: (form) => find(form, ofSymbol(form), 10) },
    {
      name: 'the last minute of a symbol',
      run: (form) => find(form, form.range(symbol, since(MINUTE_MS), end))
    },
    {
      name: 'the newest 500 of an hour',
      run: (form) => find(form, form.range(symbol, since(HOUR_MS), end), 500)
    },
    {
      name: 'count of an hour',
      run: (form) =>
        db.collection(form.read).countDocuments(form.range(symbol, since(HOUR_MS), end))
    },
    {
      name: 'one trade by its id',
      run: (form) =>
        db.collection(form.read).findOne(form.one(newest), {
          projection: { _id: 0, price: 1 },
          maxTimeMS: READ_LIMIT_MS
        })
    },
    {
      name: 'VWAP of an hour',
      run: (form) =>
        db
          .collection(form.read)
          .aggregate([
            { $match: form.range(symbol, since(HOUR_MS), end) },
            { $group: { _id: null, size: { $sum: '$size' }, trades: { $sum: 1 } } }
          ])
          .toArray()
    }
  ]
}

const READ_LIMIT_MS = 120_000
const READS = 5

/** A read's median time after one that warms the cache, ms. */
async function timed(
  read: Read,
  form: TradeForm
): Promise<{ readonly ms: number; readonly result: unknown }> {
  const result = await read.run(form)
  const times: number[] = []
  for (let i = 0; i < READS; i++) {
    const startedMs = performance.now()
    await read.run(form)
    times.push(performance.now() - startedMs)
  }
  return { ms: medianOf(times), result }
}

await runCommand({ ...command, run: main })
