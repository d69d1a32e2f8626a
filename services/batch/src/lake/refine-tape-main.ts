import { runModule } from './module.ts'
import { refineTape } from './refine-tape.ts'

await runModule(process.env, {
  name: 'refine-tape',
  purpose:
    'Computes the daily summary, liquidity, volume profile, correlation and forecast skill of a trading date.',
  inputs: ['trusted/tape'],
  output: 'refined/daily',
  settings: {
    LAKE_MEMORY: 'the most memory of a query',
    BATCH_ENGINE: 'duckdb, or spark for a cluster'
  },
  run: async (context) => void (await refineTape(context))
})
