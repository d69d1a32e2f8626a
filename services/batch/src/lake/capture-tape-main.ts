import { readMongoConfig } from './config.ts'
import { openLakeDatabase } from './database.ts'
import { captureTape } from './capture-tape.ts'
import { runModule } from './module.ts'

await runModule(process.env, {
  name: 'capture-tape',
  purpose:
    'Copies the trades, late trades, bars and forecasts of a trading date from MongoDB into the lake, as they are ' +
    'stored, and checks that MongoDB counts as many.',
  inputs: [],
  output: 'raw/tape',
  settings: { MONGODB_URI: 'your own server; without it that of the running npm start' },
  notes: 'Of a date that goes on, the last two minutes are left out.',
  async run(context) {
    const config = readMongoConfig(process.env)
    const database = await openLakeDatabase(config)
    try {
      await captureTape(database, context, { expiring: [...(config.barsTtlMs?.keys() ?? [])] })
    } finally {
      await database.close()
    }
  }
})
