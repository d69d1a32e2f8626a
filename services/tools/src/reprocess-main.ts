import { createInterface } from 'node:readline/promises'
import { runCommand, TapedeckError } from '@tapedeck/core'
import { readReprocessArguments, REPROCESS_USAGE } from './reprocess/arguments.ts'
import { readCommandConfig } from './reprocess/command-config.ts'
import { withCommandDatabase } from './reprocess/command-database.ts'
import { runReprocess } from './reprocess/reprocess.ts'

/** `npm run reprocess -- --from T --to T …`: exit code 0 done, 1 not all of it, 2 cannot begin. */
await runCommand({
  usage: REPROCESS_USAGE,
  read: readReprocessArguments,
  async run(args, terminal) {
    if (args.isSwap && !args.isSure && !process.stdin.isTTY) {
      throw new TapedeckError(
        'CONFIG_INVALID',
        'Cannot ask whether to swap: this is no terminal, expected --yes'
      )
    }
    const config = readCommandConfig(process.env)
    const confirm = (question: string): Promise<boolean> =>
      args.isSure ? Promise.resolve(true) : asked(question)
    const isDone = await withCommandDatabase(config, (database) =>
      runReprocess(args, { config, database, terminal, confirm })
    )
    return isDone ? 0 : 1
  }
})

async function asked(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} y/n `)).trim())
  } finally {
    terminal.close()
  }
}
