import { runModule } from './module.ts'
import { writeReport } from './report.ts'

await runModule(process.env, {
  name: 'report',
  purpose:
    'Writes the report of a trading date: one HTML file that loads nothing, and the same in JSON.',
  inputs: ['refined/daily', 'refined/portfolio'],
  output: 'refined/report',
  settings: { LAKE_MEMORY: 'the most memory of a query' },
  notes: 'Copies whose names stay the same are in reports/ of the lake.',
  run: async (context) => void (await writeReport(context))
})
