import { argumentReader, runCommand } from '@tapedeck/core'
import { diagnose, renderDiagnosis } from './doctor.ts'
import { readSettings } from './settings.ts'

const USAGE = `Checks whether the stack can start, and says what to do where it cannot. Starts nothing.

  npm run doctor [-- --json]      --json: one JSON object on the last line

Exit codes: 0 it can start, 1 it cannot, 2 a mistake in the command or the configuration.
`

await runCommand({
  usage: USAGE,
  read: argumentReader({
    name: 'doctor',
    options: { json: 'flag' },
    read: (given) => ({ isJson: given.flag('json') })
  }),
  async run({ isJson }, terminal) {
    const { signal } = new AbortController()
    const progress = { warn: (text: string) => terminal.note(`! ${text}`) }
    const diagnosis = await diagnose(await readSettings(process.env, { progress, signal }), signal)
    terminal.write(renderDiagnosis(diagnosis))
    if (isJson) terminal.write(`${JSON.stringify(diagnosis)}\n`)
    return diagnosis.canStart ? 0 : 1
  }
})
