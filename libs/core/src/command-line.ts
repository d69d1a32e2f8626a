import { argumentReader, type Arguments } from './command.ts'

/** An option: what it takes (see `argumentReader`), how its value is called, and what it does. */
type Option =
  | readonly [kind: 'text' | 'texts', value: string, about: string]
  | readonly [kind: 'flag', about: string]

type Options = Readonly<Record<string, Option>>
type KindsOf<O extends Options> = { readonly [N in keyof O]: O[N][0] }

/** Everything that the help of a command says. Texts are broken into lines; `forms` and `notes` stand as they are. */
interface CommandHelp {
  /** The npm script that runs it. */
  readonly name: string
  /** The file to run, where it has no npm script. */
  readonly program?: string
  /** What it does, in one or two sentences. */
  readonly purpose: string
  /** What may follow `npm run NAME`, one a line: `-- --from WHEN --to WHEN`. */
  readonly forms?: readonly string[]
  /** The variables that it reads most, and what each is here. */
  readonly settings: Readonly<Record<string, string>>
  /** What else a user should know. */
  readonly notes?: string
  /** What the exit codes 0, 1 and 2 mean. */
  readonly exits: readonly [string, string, string]
  /** What follows `npm run NAME` in the example. */
  readonly example: string
}

/** A command line whose help lists what it reads. */
interface CommandLine<T, O extends Options> extends CommandHelp {
  readonly options: O
  readonly takesOperands?: boolean
  /** See `argumentReader`. */
  read(given: Arguments<KindsOf<O>>): T
}

/**
 * The reader of a command's arguments, and its help, which therefore names every option there is. `--help` and
 * `-h` are always added.
 * @returns `usage` and `read` for `runCommand`; `read` throws CONFIG_INVALID with every mistake
 */
export function commandLine<T, const O extends Options>({
  options,
  takesOperands = false,
  read,
  ...help
}: CommandLine<T, O>): {
  readonly usage: string
  readonly read: (args: readonly string[]) => T | 'help'
} {
  const kinds = Object.fromEntries(
    Object.entries(options).map(([name, [kind]]) => [name, kind])
  ) as KindsOf<O>
  return {
    usage: helpText(help, Object.entries(options).map(optionRow)),
    read: argumentReader({
      name: help.name,
      program: help.program,
      options: kinds,
      takesOperands,
      read
    })
  }
}

function optionRow([name, option]: readonly [string, Option]): readonly [string, string] {
  if (option.length === 3) return [`--${name} ${option[1]}`, option[2]]
  return [`--${name}`, option[1]]
}

/** Letters in a line. */
const COLUMNS = 110

/** Scripts that npm runs without `run`. */
const SHORT = ['start', 'test']

/** The text that `--help` prints; `options` are rows of a name and what it does. */
export function helpText(
  { name, program, purpose, forms = [''], settings, notes, exits, example }: CommandHelp,
  options: readonly (readonly [string, string])[]
): string {
  const script = SHORT.includes(name) ? `npm ${name}` : `npm run ${name}`
  const command = program === undefined ? script : `node ${program}`
  const line = (rest: string): string => `  ${command} ${rest}`.trimEnd()
  const variables = Object.entries(settings)
  const parts = [
    wrapped(purpose, COLUMNS),
    forms.map(line).join('\n'),
    rows([...options, ['--help', 'this text']]),
    ...(variables.length === 0
      ? []
      : [
          `Settings, from the environment or .env (all: docs/configuration.md)\n${rows(variables)}`
        ]),
    ...(notes === undefined ? [] : [notes]),
    wrapped(`Exit codes: 0 ${exits[0]}, 1 ${exits[1]}, 2 ${exits[2]}.`, COLUMNS),
    `Example\n${line(example)}`
  ]
  return `${parts.join('\n\n')}\n`
}

/** Two columns; the further lines of a text stand below its first. */
function rows(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length)) + 2
  const indent = `\n${' '.repeat(width + 2)}`
  return pairs
    .map(([name, text]) => {
      const lines = wrapped(text, COLUMNS - width - 2)
      return `  ${name.padEnd(width)}${lines.replaceAll('\n', indent)}`
    })
    .join('\n')
}

/** The text with lines of at most so many letters, broken between words. */
function wrapped(text: string, most: number): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && line.length + 1 + word.length > most) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.join('\n')
}
