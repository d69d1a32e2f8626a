import { ENGINE_SETTINGS, runModule } from './module.ts'
import { refineTape } from './refine-tape.ts'

await runModule(process.env, {
  name: 'refine-tape',
  purpose:
    'Computes the daily summary, liquidity, volume profile, correlation and forecast skill of a trading date.',
  inputs: ['trusted/tape'],
  output: 'refined/daily',
  settings: ENGINE_SETTINGS,
  run: async (context) => void (await refineTape(context))
})
