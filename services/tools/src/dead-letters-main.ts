import { hasCode, messageOf } from '@tapedeck/core'
import { DEAD_USAGE, readDeadArguments } from './dead-letters/arguments.ts'
import { runDeadCommand } from './dead-letters/command.ts'
import { readDeadConfig } from './dead-letters/config.ts'

/** `npm run dead -- list | show | replay | drop`: exit code 0 done, 1 not all of it, 2 cannot begin. */
const write = (text: string): void => void process.stdout.write(text)
try {
  const args = readDeadArguments(process.argv.slice(2))
  if (args === 'help') write(DEAD_USAGE)
  else process.exitCode = (await runDeadCommand(args, readDeadConfig(process.env), write)) ? 0 : 1
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  const cannotBegin = hasCode(error, 'CONFIG_INVALID') || hasCode(error, 'SERVER_MISSING')
  process.exitCode = cannotBegin ? 2 : 1
}
