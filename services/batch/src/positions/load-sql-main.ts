import { commandLine, runCommand } from '@tapedeck/core'
import { readMariadbConfig } from '@tapedeck/mariadb'
import { NO_DATABASE } from '../lake/capture-sql.ts'
import { loadSql } from './load-sql.ts'

const DEMO = 'services/batch/sql/demo-portfolio.json'

await runCommand({
  ...commandLine({
    name: 'load-sql',
    program: 'services/batch/src/positions/load-sql-main.ts',
    purpose:
      'Loads instruments, portfolios and positions from a file in JSON into the relational database: all of it or nothing. ' +
      'Loading twice is loading once.',
    forms: ['[--input FILE] [--skip]'],
    options: {
      input: ['text', 'FILE', `the file (${DEMO})`],
      skip: ['flag', 'rows that do not fit are named and left out, and the others loaded']
    },
    settings: { MARIADB_URL: 'your own server; without it that of the running npm start' },
    notes: 'Where no relational database is configured it says so and ends with 0.',
    exits: ['loaded', 'failed, and nothing is loaded', 'wrong arguments, or no server'],
    example: '--input positions.json',
    read: (given) => ({ file: given.text('input') ?? DEMO, skipsRejects: given.flag('skip') })
  }),
  async run(load, terminal) {
    const config = readMariadbConfig(process.env)
    if (config === undefined) terminal.write(`nothing is loaded, ${NO_DATABASE}\n`)
    else await loadSql(config, load, terminal)
    return 0
  }
})
