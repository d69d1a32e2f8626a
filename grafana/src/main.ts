// Shows the dashboards in a Grafana of the user; run as npm run grafana -- --home DIR or --push.
import { hasCode, runCommand, stopSignal } from '@tapedeck/core'
import { grafanaCommand, readGrafanaConfig } from './grafana-command.ts'
import { pushToGrafana } from './push/push.ts'
import { serveGrafana } from './serve.ts'

const signal = stopSignal()
await runCommand({
  usage: grafanaCommand.usage,
  read: (args) =>
    readGrafanaConfig(process.env, args, {
      // npm runs scripts in the project's folder; INIT_CWD is the user's working folder.
      user: process.env['INIT_CWD'] ?? process.cwd(),
      project: process.cwd()
    }),
  async run(asked, terminal) {
    const say = (line: string): void => terminal.write(`${line}\n`)
    try {
      if (asked.way === 'push') await pushToGrafana(asked.config, { signal, say })
      else await serveGrafana(asked.config, { env: process.env, signal, say })
    } catch (error) {
      if (!(signal.aborted && hasCode(error, 'ABORTED'))) throw error
    }
    return 0
  }
})
