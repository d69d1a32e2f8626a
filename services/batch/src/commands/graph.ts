import { commandLine, runCommand } from '@tapedeck/core'
import { drawGraph } from '@tapedeck/domain'
import { readBatchDir } from '../config.ts'
import { findJob } from '../jobs.ts'
import type { SubCommand } from '../sub-command.ts'

const line = commandLine({
  name: 'batch',
  purpose: 'Draws the graph of a flow or a sequence.',
  forms: ['-- graph NAME'],
  options: {},
  settings: { BATCH_DIR: 'folder of etl_sequences and modules.json' },
  exits: ['done', 'failed', 'no such flow or sequence, or a mistake in its files'],
  example: '-- graph watchlist-csv',
  takesOperands: true,
  read(given) {
    const [name = '', ...rest] = given.operands
    if (name === '' || rest.length > 0)
      given.mistake(`${given.operands.length} names found, expected one`)
    return name
  }
})

/** `npm run batch -- graph NAME`. */
export const graph: SubCommand = {
  about: 'draw the graph of a flow or a sequence',
  run: (env) =>
    runCommand({
      ...line,
      async run(name, { write }) {
        const { spec } = await findJob(name, readBatchDir(env))
        write(drawGraph(spec))
        return 0
      }
    })
}
