import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  captureSql,
  Engine,
  loadSql,
  portfolioCards,
  readPortfolio,
  refinePortfolio,
  trustSql
} from '@tapedeck/batch/testing'
import { seededRandom } from '@tapedeck/core'
import { Mariadb, parseMariadbUrl } from '@tapedeck/mariadb'
import { Lake } from '@tapedeck/lake'
import { ownMariadb } from '../../support/own-mariadb.ts'
import { OwnScope, temporaryFolder } from '../../support/scope.ts'
import { lakeContext } from './lake-context.ts'
import { runModule, runProgram } from './run-module.ts'

const options = { timeout: 240_000 }
const [BEFORE, DATE] = ['2026-03-09', '2026-03-10']
const LOAD = path.resolve(
  import.meta.dirname,
  '../../../services/batch/src/positions/load-sql-main.ts'
)
const SOURCE = path.resolve(import.meta.dirname, '../../../services/batch/sql/portfolio.json')

interface Position {
  readonly portfolio: string
  readonly symbol: string
  readonly quantity: string
  readonly cost: string
}

const SYMBOLS = ['AAPL', 'MSFT', 'NVDA', 'BINANCE:BTCUSDT', 'NEVER']
const instruments = SYMBOLS.map((symbol, at) => ({
  symbol,
  name: `No. ${at} “${symbol}”`,
  kind: 'stock',
  currency: symbol.includes(':') ? 'USDT' : 'USD'
}))
const portfolios = ['one', 'two'].map((portfolio) => ({
  portfolio,
  name: `Portfolio ${portfolio}`,
  account: '9223372036854775807'
}))

/** A decimal text of a scaled whole number. */
function decimalText(scaled: bigint, scale: number): string {
  const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(scale + 1, '0')
  return `${scaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** The whole number of 10^-scale in a decimal text. */
function scaledOf(text: string, scale: number): bigint {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  return BigInt(`${sign}${whole}${fraction.padEnd(scale, '0')}`)
}

function positionsOf(seed: number): Position[] {
  const random = seededRandom(seed)
  return portfolios.flatMap(({ portfolio }) =>
    SYMBOLS.map((symbol) => ({
      portfolio,
      symbol,
      quantity: decimalText(BigInt(Math.round((random() - 0.3) * 1e12)), 6),
      cost: decimalText(BigInt(Math.round((random() - 0.3) * 1e15)), 8)
    }))
  )
}

/** Prices of a date; one symbol never has any. */
function closesOf(seed: number): Map<string, string> {
  const random = seededRandom(seed)
  return new Map(
    SYMBOLS.filter((symbol) => symbol !== 'NEVER').map((symbol) => [
      symbol,
      decimalText(BigInt(Math.round(random() * 1e13)), 8)
    ])
  )
}

describe('profit and loss of a date', () => {
  const scope = new OwnScope()
  let env: Record<string, string>
  let lakeDir: string
  let database: Mariadb
  let url: string

  before(async () => {
    ;({ url } = await ownMariadb(scope))
    lakeDir = path.join(await temporaryFolder(scope), 'lake')
    env = { LAKE_DIR: lakeDir, MARIADB_URL: url }
    database = await Mariadb.open(parseMariadbUrl(url))
    scope.after(() => database.close())
  }, options)
  after(() => scope.end())

  /** Loads a file and returns what was said. */
  async function load(content: unknown, skipsRejects = false): Promise<string> {
    const file = path.join(path.dirname(lakeDir), 'positions.json')
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
    const said: string[] = []
    const say = (text: string): void => void said.push(text)
    await loadSql(parseMariadbUrl(url), { file, skipsRejects }, { write: say, note: say }).catch(
      (error: Error) => say(`${(error as Error & { code: string }).code} ${error.message}`)
    )
    return said.join('\n')
  }

  /** Publishes closes as the step before would. */
  async function publishCloses(date: string, closes: ReadonlyMap<string, string>): Promise<void> {
    const lake = new Lake(lakeDir)
    const engine = await Engine.open({ dir: lakeDir, memory: '256MB', threads: 1 })
    try {
      const draft = await lake.begin({ zone: 'refined', name: 'daily', date }, 'test', 1)
      const values = [...closes].map(([symbol, close]) => `('${symbol}', ${close})`).join(', ')
      const query = `select symbol, cast(close as decimal(19, 8)) as close from (values ${values}) as t(symbol, close)`
      await engine.writeParquet(draft.folder, { name: 'daily', query, view: undefined })
      const written = await engine.readBack(draft.folder, 'daily', [])
      const table = { name: 'daily', format: 'parquet' as const, ...written }
      const code = { version: '0', sha256: '' }
      await lake.publish(draft, {
        run: 'test',
        attempt: 1,
        code,
        tables: [table],
        inputs: [],
        facts: {}
      })
    } finally {
      await engine.close()
    }
  }

  async function compute(date: string, given = env): Promise<string[]> {
    const [raw, trusted] = ['raw/portfolio', 'trusted/portfolio']
    const contexts = [
      lakeContext(given, { date, output: raw, configFile: SOURCE }),
      lakeContext(given, { date, inputs: [raw], output: trusted }),
      lakeContext(given, {
        date,
        inputs: [trusted, 'refined/daily'],
        output: 'refined/portfolio'
      })
    ] as const
    await captureSql(contexts[0])
    await trustSql(contexts[1])
    await refinePortfolio(contexts[2])
    return contexts.flatMap(({ said }) => said)
  }

  async function rowsOf(date: string, table: string): Promise<Record<string, unknown>[]> {
    const { files } = await new Lake(lakeDir).read({ zone: 'refined', name: 'portfolio', date })
    const engine = await Engine.open({ dir: lakeDir, memory: '256MB', threads: 1 })
    try {
      await engine.viewParquet('found', files(table))
      return await engine.rows('select * from found')
    } finally {
      await engine.close()
    }
  }

  /** Unrealised profit in units of 10^-14, computed without the lake; undefined without a price. */
  function profitOf(
    { symbol, quantity, cost }: Position,
    closes: ReadonlyMap<string, string>
  ): bigint | undefined {
    const close = closes.get(symbol)
    if (close === undefined) return undefined
    return scaledOf(quantity, 6) * scaledOf(close, 8) - scaledOf(cost, 14)
  }

  it('is what the positions of the file are worth, from JSON to the lake', options, async () => {
    const [closesBefore, closes] = [closesOf(1), closesOf(2)]
    const [earlier, later] = [positionsOf(3), positionsOf(3).map((one) => ({ ...one }))]
    // One position is new on the second date, one has changed.
    const first = earlier.slice(1)
    later[4] = { ...(later[4] as Position), quantity: '7', cost: '1234.5' }

    const loaded = await load({ instruments, portfolios, positions: first })
    assert.match(loaded, /5 instruments, 2 portfolios, 9 positions loaded/)
    await publishCloses(BEFORE, closesBefore)
    await compute(BEFORE)
    for (let times = 0; times < 2; times++) {
      const again = await load({ instruments, portfolios, positions: later })
      assert.match(again, /10 positions loaded/)
    }
    await publishCloses(DATE, closes)
    await compute(DATE)

    const expected = later.map((position, at) => {
      const unrealised = profitOf(position, closes)
      const former = at === 0 ? 0n : profitOf(earlier[at] as Position, closesBefore)
      const day = unrealised === undefined || former === undefined ? undefined : unrealised - former
      return { ...position, unrealised, day }
    })
    const found = await rowsOf(DATE, 'positions')
    assert.equal(found.length, expected.length)
    for (const one of expected) {
      const row = found.find(
        (its) => its['portfolio'] === one.portfolio && its['symbol'] === one.symbol
      )
      const text = (scaled: bigint | undefined): string | null =>
        scaled === undefined ? null : decimalText(scaled, 14)
      assert.deepEqual(
        [row?.['unrealised'], row?.['day_profit'], row?.['note']],
        [
          text(one.unrealised),
          text(one.day),
          one.symbol === 'NEVER' ? 'no price of NEVER on this date' : null
        ],
        `${one.portfolio} ${one.symbol}`
      )
      assert.equal(row?.['previous_date'], BEFORE)
    }
    const totals = await rowsOf(DATE, 'portfolios')
    for (const { portfolio } of portfolios) {
      for (const currency of ['USD', 'USDT']) {
        const mine = expected.filter(
          (one) => one.portfolio === portfolio && one.symbol.includes(':') === (currency === 'USDT')
        )
        const row = totals.find(
          (its) => its['portfolio'] === portfolio && its['currency'] === currency
        )
        const sum = mine.reduce((total, one) => total + (one.unrealised ?? 0n), 0n)
        assert.equal(row?.['unrealised'], decimalText(sum, 14))
        assert.equal(Number(row['unpriced']), currency === 'USD' ? 1 : 0)
      }
    }
    // The first date has none before it, so it says nothing of the day.
    for (const row of await rowsOf(BEFORE, 'positions')) assert.equal(row['day_profit'], null)
  })

  it('computes a date again to the same files', options, async () => {
    const digests = async (): Promise<string[]> => {
      const { manifest } = await new Lake(lakeDir).read({
        zone: 'refined',
        name: 'portfolio',
        date: DATE
      })
      return manifest.tables.flatMap(({ files }) => files.map(({ sha256 }) => sha256))
    }
    const former = await digests()
    await compute(DATE)
    assert.deepEqual(await digests(), former)
  })

  it('is a section of the report', options, async () => {
    const part = { zone: 'refined', name: 'portfolio', date: DATE } as const
    const { files, manifest } = await new Lake(lakeDir).read(part)
    const engine = await Engine.open({ dir: lakeDir, memory: '256MB', threads: 1 })
    try {
      for (const name of ['portfolios', 'positions']) await engine.viewParquet(name, files(name))
      const report = await readPortfolio(engine, manifest.facts as never)
      assert.equal(report.previousDate, BEFORE)
      assert.equal(report.positions.filter(({ value }) => value === null).length, 2)
      const html = portfolioCards(report)
      assert.match(html, /On the day: against 2026-03-09/)
      assert.match(html, /no price of NEVER on this date/)
      assert.match(html, /aria-label="Unrealised profit of each position"/)
    } finally {
      await engine.close()
    }
  })

  it('loads all of a file or nothing, and names every row that does not fit', options, async () => {
    const count = async (): Promise<string | null | undefined> =>
      (await database.rows('select count(*) as n from positions'))[0]?.['n']
    const stored = await count()
    const positions = [
      { portfolio: 'one', symbol: 'FRESH', quantity: '1', cost: '2' },
      { portfolio: 'one', symbol: 'GHOST', quantity: '1', cost: '2' },
      { portfolio: 'two', symbol: 'FRESH', quantity: '1.1234567', cost: 1e21 },
      { portfolio: 'one', symbol: 'FRESH', quantity: '3', cost: '4' },
      { portfolio: 'two', symbol: 'FRESH', quantity: 5, costs: '6' }
    ]
    const content = { instruments: [{ ...instruments[0], symbol: 'FRESH' }], positions }
    const refused = await load(content)
    for (const reason of [
      /positions, row 2: symbol: 'GHOST' is not among the instruments/,
      /positions, row 3: quantity: "1\.1234567" found, expected a number with 12 digits before and 6 after/,
      /positions, row 4: \["one","FRESH"\] is given twice/,
      /positions, row 5: unknown field 'costs'; did you mean cost\?; cost: nothing found/,
      /RECORD_REFUSED.*4 rows do not fit, and nothing is loaded/
    ]) {
      assert.match(refused, reason)
    }
    assert.equal(await count(), stored)
    assert.deepEqual(await database.rows("select * from instruments where symbol = 'FRESH'"), [])
    assert.match(await load(content, true), /1 instruments, 0 portfolios, 1 positions loaded/)
    assert.equal(await count(), String(Number(stored) + 1))
    assert.match(await load('{'), /CONFIG_INVALID Cannot load .*positions.json: /)
  })

  it('says in one line that no relational database is configured', options, async () => {
    const none = { LAKE_DIR: lakeDir, TAPEDECK_DATA_DIR: lakeDir, BATCH_DATE: '2026-03-11' }
    const said = await compute('2026-03-11', none)
    assert.equal(said.length, 3)
    for (const line of said) {
      assert.match(
        line,
        /^\w+\/portfolio: nothing is \w+, no relational database is configured.*\n$/
      )
    }
    const trust = await runModule('trust-sql', none)
    assert.equal(trust.code, 0, trust.output)
    const { code, output } = await runProgram(LOAD, none)
    assert.equal(code, 0, output)
    assert.match(output, /^nothing is loaded, no relational database is configured/)
  })
})
