import { argumentReader, helpText, runCommand, type Env } from '@tapedeck/core'

/** One of several commands of a program. */
export interface SubCommand {
  /** One line for the help. */
  readonly about: string
  /** Reads the arguments after its name, and sets the exit code of the process. */
  run(env: Env): Promise<void>
}

/**
 * The command that the first argument names, which is taken from the arguments so that the command reads the rest. Without
 * one of them it prints the help or what is wrong, and sets the exit code.
 * @param argv of the process; it is changed
 * @param abouts one line about each command, in the order of the help
 */
export async function subCommand(
  argv: string[],
  abouts: ReadonlyMap<string, string>,
  help: Parameters<typeof helpText>[0]
): Promise<string | undefined> {
  const [, , first = ''] = argv
  if (abouts.has(first)) return argv.splice(2, 1)[0]
  const names = [...abouts.keys()]
  await runCommand({
    usage: helpText(help, [...abouts]),
    read: argumentReader({
      name: help.name,
      program: help.program,
      options: {},
      takesOperands: true,
      read(given) {
        const found = given.operands[0]
        if (found === undefined) given.mistake(`no command found, expected ${names.join(', ')}`)
        else given.choiceOf('command', found, names)
      }
    }),
    run: () => Promise.resolve(1)
  })
  return undefined
}
