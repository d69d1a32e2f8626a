import { runCommand } from '@tapedeck/core'
import { DEAD_USAGE, readDeadArguments } from './dead-letters/arguments.ts'
import { runDeadCommand } from './dead-letters/command.ts'
import { readDeadConfig } from './dead-letters/config.ts'

/** `npm run dead -- list | show | replay | drop`: exit code 0 done, 1 not all of it, 2 cannot begin. */
await runCommand({
  usage: DEAD_USAGE,
  read: readDeadArguments,
  run: async (args, { write }) =>
    (await runDeadCommand(args, readDeadConfig(process.env), write)) ? 0 : 1
})
