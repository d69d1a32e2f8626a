import { createInterface } from 'node:readline/promises'
import { TapedeckError } from '@tapedeck/core'
import { failureOf, readReprocessArguments, REPROCESS_USAGE } from './reprocess/arguments.ts'
import { readCommandConfig } from './reprocess/command-config.ts'
import { openCommandDatabase } from './reprocess/command-database.ts'
import { runReprocess } from './reprocess/reprocess.ts'
import { processScreen } from './reprocess/screen.ts'

/** `npm run reprocess -- --from T --to T …`: exit code 0 done, 1 not all of it, 2 cannot begin. */
const write = (text: string): void => void process.stdout.write(text)
const writeError = (text: string): void => void process.stderr.write(text)
try {
  const args = readReprocessArguments(process.argv.slice(2))
  if (args === 'help') write(REPROCESS_USAGE)
  else {
    if (args.isSwap && !args.isSure && !process.stdin.isTTY) {
      throw new TapedeckError(
        'CONFIG_INVALID',
        'Cannot ask whether to swap: this is no terminal, expected --yes'
      )
    }
    const config = readCommandConfig(process.env)
    const database = await openCommandDatabase(config)
    try {
      const isDone = await runReprocess(args, {
        config,
        database,
        screen: processScreen(write, writeError, Date.now),
        confirm: (question) => (args.isSure ? Promise.resolve(true) : asked(question))
      })
      process.exitCode = isDone ? 0 : 1
    } finally {
      await database.close()
    }
  }
} catch (error) {
  const { text, code } = failureOf(error)
  writeError(text)
  process.exitCode = code
}

async function asked(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} y/n `)).trim())
  } finally {
    terminal.close()
  }
}
