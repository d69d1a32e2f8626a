import { commandLine, runCommand } from '@tapedeck/core'
import { SERVER_SETTINGS } from './config.ts'
import { diagnose, renderDiagnosis } from './doctor.ts'
import { readSettings } from './settings.ts'

const command = commandLine({
  name: 'doctor',
  purpose:
    'Checks whether the stack can start, and says what to do where it cannot. Starts nothing.',
  forms: ['[-- --json]'],
  options: { json: ['flag', 'the last line is one JSON object'] },
  settings: SERVER_SETTINGS,
  exits: ['it can start', 'it cannot', 'a mistake in the command or the configuration'],
  example: '',
  read: (given) => ({ isJson: given.flag('json') })
})

await runCommand({
  ...command,
  async run({ isJson }, terminal) {
    const { signal } = new AbortController()
    const progress = { warn: (text: string) => terminal.note(`! ${text}`) }
    const diagnosis = await diagnose(await readSettings(process.env, { progress, signal }), signal)
    terminal.write(renderDiagnosis(diagnosis))
    if (isJson) terminal.write(`${JSON.stringify(diagnosis)}\n`)
    return diagnosis.canStart ? 0 : 1
  }
})
