import { ENGINE_SETTINGS, runModule } from './module.ts'
import { trustTape } from './trust-tape.ts'

await runModule(process.env, {
  name: 'trust-tape',
  purpose:
    'Types what was captured of a trading date, keeps what does not fit beside it with the reason, and checks that the ' +
    'lake, MongoDB and the bars have the same number of trades.',
  inputs: ['raw/tape'],
  output: 'trusted/tape',
  settings: ENGINE_SETTINGS,
  run: async (context) => void (await trustTape(context))
})
