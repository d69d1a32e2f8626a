// Shows the dashboards in the user's own Grafana; run as npm run grafana -- --home DIR.
import { hasCode, messageOf } from '@tapedeck/core'
import { readServeConfig, SERVE_USAGE } from './serve-config.ts'
import { serveGrafana } from './serve.ts'

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stopping.signal.aborted) process.exit(1)
    stopping.abort()
  })
}

try {
  const config = readServeConfig(process.env, process.argv.slice(2), {
    // npm runs scripts in the project's folder and says here where the user is.
    user: process.env['INIT_CWD'] ?? process.cwd(),
    project: process.cwd()
  })
  if (config === undefined) process.stdout.write(SERVE_USAGE)
  else {
    await serveGrafana(config, {
      env: process.env,
      signal: stopping.signal,
      say: (line) => void process.stdout.write(`${line}\n`)
    })
  }
} catch (error) {
  if (!(stopping.signal.aborted && hasCode(error, 'ABORTED'))) {
    process.stderr.write(`${messageOf(error)}\n`)
    const invalid = (['CONFIG_INVALID', 'SERVER_MISSING', 'PORT_IN_USE'] as const).some((code) =>
      hasCode(error, code)
    )
    process.exitCode = invalid ? 2 : 1
  }
}
