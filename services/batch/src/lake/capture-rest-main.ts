import { captureRest } from './capture-rest.ts'
import { runModule } from './module.ts'

await runModule(process.env, {
  name: 'capture-rest',
  purpose: 'Asks a JSON API what its definition names, and keeps the answers whole in the lake.',
  inputs: [],
  output: 'raw/finnhub',
  settings: {
    FINNHUB_TOKEN: 'the key, for services/batch/rest/finnhub.json',
    FINNHUB_REST_URL: 'another address than Finnhub, such as that of the simulator',
    SYMBOLS: 'for requests of each symbol'
  },
  run: async (context) => void (await captureRest(context))
})
