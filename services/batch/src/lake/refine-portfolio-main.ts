import { ENGINE_SETTINGS, runModule } from './module.ts'
import { refinePortfolio } from './refine-portfolio.ts'

await runModule(process.env, {
  name: 'refine-portfolio',
  purpose: 'Computes the profit and loss of a trading date by position and by portfolio.',
  inputs: ['trusted/portfolio', 'refined/daily'],
  output: 'refined/portfolio',
  settings: ENGINE_SETTINGS,
  run: async (context) => void (await refinePortfolio(context))
})
