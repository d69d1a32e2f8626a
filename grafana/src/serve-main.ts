// Shows the dashboards in the user's own Grafana; run as npm run grafana -- --home DIR.
import { hasCode, runCommand, stopSignal } from '@tapedeck/core'
import { readServeConfig, serveCommand } from './serve-config.ts'
import { serveGrafana } from './serve.ts'

const signal = stopSignal()
await runCommand({
  usage: serveCommand.usage,
  read: (args) =>
    readServeConfig(process.env, args, {
      // npm runs scripts in the project's folder; INIT_CWD is the user's working folder.
      user: process.env['INIT_CWD'] ?? process.cwd(),
      project: process.cwd()
    }),
  async run(config, terminal) {
    const say = (line: string): void => terminal.write(`${line}\n`)
    try {
      await serveGrafana(config, { env: process.env, signal, say })
    } catch (error) {
      if (!(signal.aborted && hasCode(error, 'ABORTED'))) throw error
    }
    return 0
  }
})
