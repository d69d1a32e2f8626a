/**
 * `npm run test:spark`: a recorded day through the lake by DuckDB and by Spark on a standalone cluster of two workers that is
 * started here. Exit code 1 when a table differs.
 */
import { execFile } from 'node:child_process'
import { cp } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { commandLine, runCommand, stopSignal, table, TapedeckError, type Env } from '@tapedeck/core'
import { Lake } from '@tapedeck/lake'
import { createProgress } from '@tapedeck/stack/testing'
import { OwnScope, temporaryFolder } from '../../support/scope.ts'
import { SETS_FOLDER, tapeSet } from '../verify-tape/sets.ts'
import { startCluster, type Cluster } from './cluster.ts'
import { compareTables, type TableComparison } from './compare-tables.ts'
import { cpuOfEndedChildren } from './cpu-seconds.ts'
import { installSpark } from './install-spark.ts'
import { publishRawDay } from './raw-day.ts'
import { publishRawPortfolio } from './raw-portfolio.ts'

const execute = promisify(execFile)
const DATE = '2013-10-08'
const TAPE = path.join(SETS_FOLDER, 'us4-lean-20131008.ndjson.gz')
const MODULES = path.resolve(import.meta.dirname, '../../../services/batch/src/lake/main.ts')
const WORKERS = 2
/** What sums of doubles may differ by, which depend on the order of their parts. */
const DOUBLE_LIMIT = 1e-9
const STEPS = [
  { module: 'trust-tape', zone: 'trusted', name: 'tape' },
  { module: 'refine-tape', zone: 'refined', name: 'daily' },
  { module: 'trust-sql', zone: 'trusted', name: 'portfolio' },
  { module: 'refine-portfolio', zone: 'refined', name: 'portfolio' }
] as const

const command = commandLine({
  name: 'test:spark',
  purpose:
    'Computes the lake of a recorded day by DuckDB and by Spark on a standalone cluster, and compares every table.',
  forms: ['-- [--times N[,N…]] [--modules A,B]'],
  options: {
    times: ['text', 'N,N', 'the day with each symbol N times, one after the other (1)'],
    modules: [
      'text',
      'A,B',
      'from the first to the last of them; DuckDB computes those before (all four)'
    ]
  },
  settings: {
    SPARK_HOME: 'folder of a Spark; unless set, pyspark is fetched once (456 MB)',
    TAPEDECK_CACHE_DIR: 'where it is kept'
  },
  notes: `The recorded day is ${path.basename(TAPE)} with its bars, beside the project in ../shared/data.`,
  exits: [
    'all is equal',
    'something differs or failed, or no recorded day is there',
    'wrong arguments, or no Java or Python'
  ],
  example: '-- --times 1,10',
  read(given) {
    const times = (given.list('times') ?? ['1']).map(Number)
    for (const one of times) {
      if (!Number.isInteger(one) || one < 1) given.mistake(`--times ${one}, expected whole numbers`)
    }
    const names: string[] = STEPS.map(({ module }) => module)
    const chosen = given.list('modules') ?? names
    for (const one of chosen.filter((name) => !names.includes(name))) {
      given.mistake(`--modules ${one}, expected some of ${names.join(', ')}`)
    }
    return { times, chosen }
  }
})

interface Cost {
  readonly seconds: number
  /** Of the module and all that computed for it. */
  readonly cpuSeconds: number
}

async function runModule(
  name: string,
  env: Env,
  cluster: Cluster,
  signal: AbortSignal
): Promise<Cost> {
  const cpu = async (): Promise<number> =>
    (await cpuOfEndedChildren()) + (await cluster.cpuSeconds())
  const [startedMs, before] = [performance.now(), await cpu()]
  await execute(process.execPath, [MODULES, name], { env, signal }).catch((cause: unknown) => {
    const { stderr = '', message } = cause as { stderr?: string; message: string }
    throw new TapedeckError('SERVER_FAILED', `${name} failed: ${stderr.trim() || message}`, {
      cause
    })
  })
  return {
    seconds: (performance.now() - startedMs) / 1000,
    cpuSeconds: (await cpu()) - before
  }
}

function differs({ types, largestDifference, onlyInExactColumns }: TableComparison): boolean {
  return types.length > 0 || onlyInExactColumns > 0 || !(largestDifference <= DOUBLE_LIMIT)
}

await runCommand({
  ...command,
  async run({ times: all, chosen }, terminal) {
    const signal = stopSignal()
    const scope = new OwnScope()
    const progress = createProgress((text) => void process.stderr.write(text))
    const { tape, bars } = await tapeSet(TAPE)
    if (bars === undefined) {
      throw new TapedeckError(
        'TAPE_INVALID',
        `Cannot compare: no .bars1m.csv.gz found beside ${TAPE}`
      )
    }
    let isWrong = false
    const costs: (string | number)[][] = [['module', 'engine', 'trades', 'seconds', 'CPU seconds']]
    try {
      const installation = await installSpark(process.env, progress, signal)
      const folder = await temporaryFolder(scope)
      const cluster = await startCluster(scope, installation, { folder, workers: WORKERS })
      progress.say(`Spark runs at ${cluster.master} with ${WORKERS} workers of one core and 1 GB`)
      for (const times of all) {
        const lakes = ['duckdb', 'spark'].map(
          (name) => new Lake(path.join(folder, `${name}-${times}`))
        )
        const [duckdb, spark] = lakes as [Lake, Lake]
        const trades = await publishRawDay(duckdb, { date: DATE, tape, bars, times })
        await publishRawPortfolio(duckdb, DATE)
        const env = { ...cluster.env, BATCH_DATE: DATE }
        const isChosen = ({ module }: { readonly module: string }): boolean =>
          chosen.includes(module)
        const first = STEPS.findIndex(isChosen)
        const steps = STEPS.slice(first, STEPS.findLastIndex(isChosen) + 1)
        for (const { module } of STEPS.slice(0, first)) {
          await runModule(module, { ...env, LAKE_DIR: duckdb.dir }, cluster, signal)
        }
        await cp(duckdb.dir, spark.dir, { recursive: true })
        progress.say(`${trades} trades captured`)
        const onSpark = { BATCH_ENGINE: 'spark', SPARK_MASTER: cluster.master }
        const rows: (string | number)[][] = [
          ['table', 'types', 'largest difference of doubles', 'only DuckDB', 'only Spark', 'rows']
        ]
        for (const { module, zone, name } of steps) {
          for (const [engine, lake, more] of [
            ['duckdb', duckdb, {}],
            ['spark', spark, onSpark]
          ] as const) {
            const cost = await runModule(
              module,
              { ...env, ...more, LAKE_DIR: lake.dir },
              cluster,
              signal
            )
            progress.say(
              `${module} by ${engine}: ${cost.seconds.toFixed(1)} s, ${cost.cpuSeconds.toFixed(1)} s of CPU`
            )
            costs.push([
              module,
              engine,
              trades,
              cost.seconds.toFixed(1),
              Number(cost.cpuSeconds.toFixed(1))
            ])
          }
          for (const one of await compareTables(duckdb, spark, { date: DATE, zone, name })) {
            isWrong ||= differs(one)
            for (const sample of one.samples) progress.say(`${one.table}: ${sample}`)
            rows.push([
              `${zone}/${name} ${one.table}`,
              one.types.join('; ') || 'equal',
              one.largestDifference === 0 ? 'none' : one.largestDifference.toExponential(1),
              one.onlyDuckdb,
              one.onlySpark,
              one.rows
            ])
          }
        }
        terminal.write(table(rows))
      }
    } finally {
      await scope.end()
    }
    terminal.write(`\n${table(costs)}\n`)
    terminal.write(isWrong ? 'tables differ\n' : 'all tables are equal\n')
    return isWrong ? 1 : 0
  }
})
