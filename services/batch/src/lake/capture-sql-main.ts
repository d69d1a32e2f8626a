import { captureSql } from './capture-sql.ts'
import { runModule } from './module.ts'

await runModule(process.env, {
  name: 'capture-sql',
  purpose:
    'Copies tables and queries of a relational database into the lake, all of one moment, and checks that the database ' +
    'counts as many rows.',
  inputs: [],
  output: 'raw/portfolio',
  settings: { MARIADB_URL: 'your own server; without it that of the running npm start' },
  notes: 'Where no relational database is configured it says so and ends with 0.',
  run: async (context) => void (await captureSql(context))
})
