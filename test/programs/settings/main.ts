/** `npm run settings`: writes docs/configuration.md and .env.example from the variables that are read. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { format, resolveConfig } from 'prettier'
import { commandLine, runCommand } from '@tapedeck/core'
import { configurationDocument, envExample } from './documents.ts'

const root = path.resolve(import.meta.dirname, '../../..')

await runCommand({
  ...commandLine({
    name: 'settings',
    purpose:
      'Writes docs/configuration.md and .env.example from the variables that the programs read.',
    options: {},
    settings: {},
    exits: ['written', 'failed', 'wrong arguments'],
    example: '',
    read: () => undefined
  }),
  async run() {
    const file = path.join(root, 'docs/configuration.md')
    const layout = { ...(await resolveConfig(file)), filepath: file }
    writeFileSync(file, await format(configurationDocument(), layout))
    writeFileSync(path.join(root, '.env.example'), envExample())
    return 0
  }
})
