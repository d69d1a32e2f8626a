import { withDatabase } from '../database.ts'
import { readDatabaseConfig } from './config.ts'
import { ENGINE_SETTINGS, runModules, type ModuleProgram } from './module.ts'

/** The modules of the lake, in the order of the way of a date. Each loads only what it needs. */
const MODULES: Readonly<Record<string, ModuleProgram>> = {
  'capture-tape': {
    purpose:
      'Copies the trades, late trades, bars and forecasts of a trading date from MongoDB into the lake, as they are ' +
      'stored, and checks that MongoDB counts as many.',
    inputs: [],
    output: 'raw/tape',
    settings: { MONGODB_URI: 'your own server; without it that of the running npm start' },
    notes: 'Of a date that goes on, the last two minutes are left out.',
    async run(context) {
      const { captureTape } = await import('./capture-tape.ts')
      const config = readDatabaseConfig(context.env)
      const expiring = [...(config.mongo.barsTtlMs?.keys() ?? [])]
      await withDatabase(config, (database) => captureTape(database, context, { expiring }))
    }
  },
  'capture-rest': {
    purpose: 'Asks a JSON API what its definition names, and keeps the answers whole in the lake.',
    inputs: [],
    output: 'raw/finnhub',
    settings: {
      FINNHUB_TOKEN: 'the key, for services/batch/rest/finnhub.json',
      FINNHUB_REST_URL: 'another address than Finnhub, such as that of the simulator',
      SYMBOLS: 'for requests of each symbol'
    },
    run: async (context) => (await import('./capture-rest.ts')).captureRest(context)
  },
  'trust-tape': {
    purpose:
      'Types what was captured of a trading date, keeps what does not fit beside it with the reason, and checks that the ' +
      'lake, MongoDB and the bars have the same number of trades.',
    inputs: ['raw/tape'],
    output: 'trusted/tape',
    settings: ENGINE_SETTINGS,
    run: async (context) => (await import('./trust-tape.ts')).trustTape(context)
  },
  'refine-tape': {
    purpose:
      'Computes the daily summary, liquidity, volume profile, correlation and forecast skill of a trading date.',
    inputs: ['trusted/tape'],
    output: 'refined/daily',
    settings: ENGINE_SETTINGS,
    run: async (context) => (await import('./refine-tape.ts')).refineTape(context)
  },
  'capture-sql': {
    purpose:
      'Copies tables and queries of a relational database into the lake, all of one moment, and checks that the database ' +
      'counts as many rows.',
    inputs: [],
    output: 'raw/portfolio',
    settings: { MARIADB_URL: 'your own server; without it that of the running npm start' },
    notes: 'Where no relational database is configured it says so and ends with 0.',
    run: async (context) => (await import('./capture-sql.ts')).captureSql(context)
  },
  'trust-sql': {
    purpose:
      'Types what was captured of a relational database, keeps what does not fit beside it with the reason, and checks that ' +
      'no row is missing.',
    inputs: ['raw/portfolio'],
    output: 'trusted/portfolio',
    settings: ENGINE_SETTINGS,
    run: async (context) => (await import('./trust-sql.ts')).trustSql(context)
  },
  'refine-portfolio': {
    purpose: 'Computes the profit and loss of a trading date by position and by portfolio.',
    inputs: ['trusted/portfolio', 'refined/daily'],
    output: 'refined/portfolio',
    settings: ENGINE_SETTINGS,
    run: async (context) => (await import('./refine-portfolio.ts')).refinePortfolio(context)
  },
  report: {
    purpose:
      'Writes the report of a trading date: one HTML file that loads nothing, and the same in JSON.',
    inputs: ['refined/daily', 'refined/portfolio'],
    output: 'refined/report',
    settings: { LAKE_MEMORY: 'the most memory of a query' },
    notes: 'Copies whose names stay the same are in reports/ of the lake.',
    run: async (context) => (await import('./report.ts')).writeReport(context)
  }
}

await runModules(process, MODULES)
