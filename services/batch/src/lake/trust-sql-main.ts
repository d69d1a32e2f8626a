import { ENGINE_SETTINGS, runModule } from './module.ts'
import { trustSql } from './trust-sql.ts'

await runModule(process.env, {
  name: 'trust-sql',
  purpose:
    'Types what was captured of a relational database, keeps what does not fit beside it with the reason, and checks that ' +
    'no row is missing.',
  inputs: ['raw/portfolio'],
  output: 'trusted/portfolio',
  settings: ENGINE_SETTINGS,
  run: async (context) => void (await trustSql(context))
})
