import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { openDatabase } from '@tapedeck/mongo'
import { aBar, aForecast, aGap, aLateTrade, aTrade, T0_MS } from '../../support/market-documents.ts'
import { servers } from '../../support/servers.ts'

const README = path.resolve(import.meta.dirname, '../../../README.md')
const LIMIT_MS = 280_000
/** 153 MB with what it needs: fetched when a test needs it, not with every npm ci. */
const MONGOSH = 'mongosh@2.12.0'

interface Recipe {
  readonly title: string
  /** An expression for mongosh, as a person pastes it. */
  readonly text: string
}

async function recipes(): Promise<Recipe[]> {
  const readme = await readFile(README, 'utf8')
  const blocks = [...readme.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, block = '']) => block)
  return blocks
    .flatMap((block) => block.trim().split('\n\n'))
    .map((text) => ({ title: text.split('\n', 1)[0] ?? '', text }))
}

/** A market of the last minutes, so that every recipe has something to find. */
async function seededDatabase(t: TestContext): Promise<string> {
  const { mongoUri: uri, database: name } = servers()
  const none = { username: undefined, password: undefined, tradesTtlMs: undefined }
  const database = await openDatabase({ uri, database: name, ...none })
  t.after(async () => {
    await database.db.dropDatabase()
    await database.close()
  })
  // The builders count from T0; these are their offsets from now.
  const ago = (ms: number): number => Date.now() - ms - T0_MS
  const barAt = (minutesAgo: number, parts: Parameters<typeof aBar>[4]): ReturnType<typeof aBar> =>
    aBar('AAPL', '1m', 60_000, Math.floor(ago(minutesAgo * 60_000) / 60_000), parts)
  await database.trades.insertMany([aTrade('AAPL', ago(20_000)), aTrade('AAPL', ago(10_000))])
  await database.bars.insertMany([
    barAt(3, { status: 'revised', revision: 1, revisionCause: 'late trades', lateCount: 1 }),
    barAt(2, { coverage: 0.5, gapIds: ['gap'] })
  ])
  await database.feedGaps.insertOne(aGap('gap', ago(120_000), ago(90_000)))
  const minute = Math.floor(ago(120_000) / 60_000)
  await database.forecasts.insertOne(aForecast('AAPL', minute, { error: 0.1, naiveError: 0.2 }))
  await database.lateTrades.insertOne(aLateTrade('AAPL', ago(5000), 'too late', 90_000_000))
  await database.db
    .collection<{ _id: string } & Record<string, unknown>>('forecast_scores')
    .insertOne({
      _id: 'AAPL|1m|1|linear-regression',
      symbol: 'AAPL',
      label: 'better than naive',
      skill: 0.1,
      p: 0.01,
      last500: { n: 500, mae: 0.1, maeNaive: 0.2, coverageBand: 0.95 }
    })
  const url = new URL(uri)
  url.pathname = name
  return url.href
}

/** The command that starts mongosh: the one on PATH, or npm's, fetched now; undefined when there is none. */
async function findMongosh(): Promise<readonly string[] | undefined> {
  for (const command of [['mongosh'], ['npx', '--yes', MONGOSH]]) {
    if ((await run([...command, '--version'], '')) !== undefined) return command
  }
  return undefined
}

/** The output of a command that is given `input`; undefined when the command is not there or cannot be fetched. */
async function run(
  [file = '', ...args]: readonly string[],
  input: string
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const options = { timeout: LIMIT_MS, maxBuffer: 10_000_000 }
  const child = execFile(file, args, options, (error, stdout, stderr) => {
    const isMissing = error?.code === 'ENOENT' || /npm (error|ERR!)/.test(stderr)
    resolve(isMissing ? undefined : stdout + stderr)
  })
  child.stdin?.on('error', () => undefined) // it did not start
  child.stdin?.end(input)
  return promise
}

const MARK = 'end of recipe'

describe('the recipes of README.md', { timeout: LIMIT_MS }, () => {
  // Line by line, as a terminal does: a recipe whose second line begins with a dot would be cut in two.
  it('answer rows, with the fields that they ask for, when they are pasted into mongosh', async (t) => {
    const mongosh = await findMongosh()
    if (mongosh === undefined) return t.skip(`no mongosh on PATH, and npx cannot fetch ${MONGOSH}`)
    // After the fetch, which takes minutes: the recipes look at the last ones.
    const uri = await seededDatabase(t)
    const all = await recipes()
    assert.ok(all.length >= 10, `${all.length} recipes found`)
    const input = all.map(({ text }) => `${text}\nprint('${MARK}')\n`).join('')
    const output = (await run([...mongosh, uri, '--quiet', '--norc'], input)) ?? ''
    const answers = output.split(MARK)
    for (const [index, { title, text }] of all.entries()) {
      const answer = answers[index] ?? ''
      assert.match(answer, /\{[^}]*\w+: /, `no row: ${title}\n${answer}`)
      assert.doesNotMatch(answer, /Error|Uncaught|Invalid REPL/, title)
      // What follows the filter: a projection, or the stages of a pipeline.
      const asked = text.slice(text.search(/\},\n\s+\{/))
      for (const [, field = ''] of asked.matchAll(/'?(?:\w+\.)?(\w+)'?: 1[,\s]/g)) {
        assert.match(answer, new RegExp(`\\b${field}: `), `no ${field}: ${title}`)
      }
    }
    assert.equal(answers.length, all.length + 1, output)
  })
})
