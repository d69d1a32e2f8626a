import { createInterface } from 'node:readline/promises'
import { runCommand, TapedeckError } from '@tapedeck/core'
import { readDatabaseConfig, readTopicConfig, withDatabase } from './command/config.ts'
import { reprocessCommand } from './reprocess/arguments.ts'
import { runReprocess } from './reprocess/reprocess.ts'

/** `npm run reprocess -- --from T --to T …`: exit code 0 done, 1 not all of it, 2 cannot begin. */
await runCommand({
  ...reprocessCommand,
  async run(args, terminal) {
    if (args.isSwap && !args.isSure && !process.stdin.isTTY) {
      throw new TapedeckError(
        'CONFIG_INVALID',
        'Cannot ask whether to swap: standard input is not a terminal, expected --yes'
      )
    }
    const config = readDatabaseConfig(process.env)
    const kafka = args.source === 'topic' ? readTopicConfig(process.env).kafka : undefined
    const confirm = (question: string): Promise<boolean> =>
      args.isSure ? Promise.resolve(true) : ask(question)
    const isDone = await withDatabase(config, (database) =>
      runReprocess(args, { rules: config.rules, database, kafka, terminal, confirm })
    )
    return isDone ? 0 : 1
  }
})

async function ask(question: string): Promise<boolean> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await prompt.question(`${question} y/n `)).trim())
  } finally {
    prompt.close()
  }
}
