import { hasCode, messageOf } from '@tapedeck/core'
import { createProgress, fetchAll, readConfig } from './app.ts'

/** `npm run stack:fetch`: fetches what a start would fetch, and starts nothing; then offline is fine. */
const stopping = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => stopping.abort())
}
try {
  const progress = createProgress((text) => process.stdout.write(text))
  await fetchAll(readConfig(process.env), { progress, signal: stopping.signal })
  process.exit(0)
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exit(hasCode(error, 'CONFIG_INVALID') || hasCode(error, 'SERVER_MISSING') ? 2 : 1)
}
