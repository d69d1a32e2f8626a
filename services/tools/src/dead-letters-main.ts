import { runCommand } from '@tapedeck/core'
import { readTopicConfig } from './command/config.ts'
import { deadLettersCommand, runDeadLetters } from './dead-letters/command.ts'

/** `npm run dead -- list | show | replay | drop`: exit code 0 done, 1 not all of it, 2 cannot begin. */
await runCommand({
  ...deadLettersCommand,
  run: async (args, { write }) =>
    (await runDeadLetters(args, readTopicConfig(process.env), write)) ? 0 : 1
})
