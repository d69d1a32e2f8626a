import { parseArgs } from 'node:util'
import { hasCode, messageOf } from '@tapedeck/core'
import { diagnose, readConfig, renderDiagnosis } from './app.ts'

/** `npm run doctor [-- --json]`: exit code 0 when the stack could start, else 1; 2: configuration. */
try {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
  const diagnosis = await diagnose(readConfig(process.env), new AbortController().signal)
  process.stdout.write(renderDiagnosis(diagnosis))
  if (values.json) process.stdout.write(`${JSON.stringify(diagnosis)}\n`)
  process.exit(diagnosis.canStart ? 0 : 1)
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exit(hasCode(error, 'CONFIG_INVALID') || error instanceof TypeError ? 2 : 1)
}
