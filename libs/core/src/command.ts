import { parseArgs } from 'node:util'
import { hasCode, messageOf, TapedeckError, type ErrorCode } from './errors.ts'
import { nearestName } from './text.ts'

/**
 * What an option takes: a text, a text each time it is named, nothing (`flag`), or nothing with a
 * negation (`switch`: `--name` or `--no-name`).
 */
type OptionKind = 'text' | 'texts' | 'flag' | 'switch'

type OptionKinds = Readonly<Record<string, OptionKind>>
type NamesOf<O extends OptionKinds, K extends OptionKind> = {
  [N in keyof O]: K extends O[N] ? N : never
}[keyof O] &
  string

/** The command line of one command. */
interface CommandLine<T, O extends OptionKinds> {
  /** Its npm script, for messages. */
  readonly name: string
  /** The file to run, where it has no npm script. */
  readonly program?: string | undefined
  /** `--help` and `-h` are always added. */
  readonly options: O
  /** Whether an argument that is no option is allowed; it is a mistake unless true. */
  readonly takesOperands?: boolean
  /** Reads the values; mistakes are collected, not thrown. */
  read(given: Arguments<O>): T
}

/**
 * Makes the function that reads the arguments of a command. It returns 'help' when help is asked for and
 * throws CONFIG_INVALID with every mistake at once.
 */
export function argumentReader<T, const O extends OptionKinds>({
  name,
  program,
  options,
  takesOperands = false,
  read
}: CommandLine<T, O>): (args: readonly string[]) => T | 'help' {
  return (args) => {
    const mistakes: string[] = []
    const found = scan(args, { ...options, help: 'flag' }, takesOperands, mistakes)
    if (found.named.has('help')) return 'help'
    const values = read(new Arguments<O>(found, mistakes))
    if (mistakes.length === 0) return values
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot run ${name}: ${mistakes.join('\n  ')}\n` +
        `  expected arguments as in ${program === undefined ? `npm run ${name} --` : `node ${program}`} --help`
    )
  }
}

interface Found {
  /** The texts of each option that was named; empty for a flag. */
  readonly named: ReadonlyMap<string, readonly string[]>
  readonly operands: readonly string[]
}

/** The given arguments. A value that does not fit is noted as a mistake and reads as undefined. */
export class Arguments<O extends OptionKinds> {
  /** The arguments that are no options, in order. */
  readonly operands: readonly string[]
  readonly #named: Found['named']
  readonly #mistakes: string[]

  constructor({ named, operands }: Found, mistakes: string[]) {
    this.operands = operands
    this.#named = named
    this.#mistakes = mistakes
  }

  /** Notes a mistake, such as "--to 5 found, expected a date". */
  mistake(...texts: readonly string[]): void {
    this.#mistakes.push(...texts)
  }

  flag(name: NamesOf<O, 'flag'>): boolean {
    return this.#named.has(name)
  }

  /** Undefined when not given; `true` or `false` as a text for a switch. */
  text(name: NamesOf<O, 'text'> | NamesOf<O, 'switch'>): string | undefined {
    return this.#named.get(name)?.[0]
  }

  texts(name: NamesOf<O, 'texts'>): readonly string[] {
    return this.#named.get(name) ?? []
  }

  /** The parts between commas, each once. */
  list(name: NamesOf<O, 'text'>): readonly string[] | undefined {
    const text = this.text(name)
    const parts = text?.split(',').map((part) => part.trim())
    if (parts?.includes('') === true) {
      this.mistake(`--${name} ${text} found, expected names between its commas`)
    }
    return parts === undefined ? undefined : [...new Set(parts)]
  }

  choice<T extends string>(name: NamesOf<O, 'text'>, choices: readonly T[]): T | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : this.choiceOf(`--${name}`, text, choices)
  }

  /** The same for an operand or a part of a list. */
  choiceOf<T extends string>(what: string, text: string, choices: readonly T[]): T | undefined {
    const choice = choices.find((one) => one === text)
    if (choice === undefined) this.mistake(`${what} ${text} found, expected ${choices.join(', ')}`)
    return choice
  }

  whole(name: NamesOf<O, 'text'>, min: number, max: number): number | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : this.wholeOf(`--${name}`, text, min, max)
  }

  /** The same for an operand or a part of a list. */
  wholeOf(what: string, text: string, min: number, max: number): number | undefined {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN
    if (value >= min && value <= max) return value
    this.mistake(`${what} ${text} found, expected a whole number from ${min} to ${max}`)
    return undefined
  }
}

function scan(
  args: readonly string[],
  kinds: OptionKinds,
  takesOperands: boolean,
  mistakes: string[]
): Found {
  const named = new Map<string, string[]>()
  const operands: string[] = []
  for (const token of tokensOf(args, kinds)) {
    if (token.kind === 'positional') {
      if (takesOperands) operands.push(token.value)
      else mistakes.push(`'${token.value}' found, expected only options`)
    }
    if (token.kind !== 'option') continue
    const { rawName, value } = token
    const isNegated = token.name.startsWith('no-') && kinds[token.name.slice(3)] === 'switch'
    const name = isNegated ? token.name.slice(3) : token.name
    const kind = kinds[name]
    const takesText = kind === 'text' || kind === 'texts'
    // The parser is not strict: it takes whatever follows as the text, even the next option.
    const isText = value !== undefined && value !== ''
    const isNextOption = token.inlineValue === false && /^-\D/.test(value ?? '')
    if (kind === undefined) mistakes.push(unknown(rawName, Object.keys(kinds)))
    else if (!takesText && value !== undefined) {
      mistakes.push(`${rawName}=${value} found, expected ${rawName} alone`)
    } else if (takesText && (!isText || isNextOption)) {
      mistakes.push(`${rawName} found without a value`)
    } else if (named.has(name) && kind !== 'texts') {
      mistakes.push(`${rawName} found twice, expected it once`)
    } else if (kind === 'switch') named.set(name, [String(!isNegated)])
    else named.set(name, [...(named.get(name) ?? []), ...(isText ? [value] : [])])
  }
  return { named, operands }
}

function unknown(rawName: string, names: readonly string[]): string {
  const near = nearestName(rawName.replace(/^-+/, ''), names)
  return `unknown option ${rawName} found${near === undefined ? '' : `, did you mean --${near}?`}`
}

/** Not strict, so that all mistakes are found at once. */
function tokensOf(args: readonly string[], kinds: OptionKinds) {
  const options = Object.entries(kinds).map(([name, kind]) => {
    const type = kind === 'text' || kind === 'texts' ? ('string' as const) : ('boolean' as const)
    return [name, { type, ...(name === 'help' && { short: 'h' }) }] as const
  })
  return parseArgs({
    args: [...args],
    options: Object.fromEntries(options),
    strict: false,
    tokens: true,
    allowPositionals: true
  }).tokens
}

/** The output of a command. */
export interface Terminal {
  /** Writes a part of the result to standard output. */
  write(text: string): void
  /** Writes a line about the work to standard error. */
  note(line: string): void
  /** The same, but at most one line in three seconds. */
  progress(line: string): void
}

interface Command<T> {
  readonly usage: string
  /** From `argumentReader`. */
  read(args: readonly string[]): T | 'help'
  /** Returns the exit code. */
  run(args: T, terminal: Terminal): Promise<0 | 1>
}

/** What a command needs of its process. */
type CommandProcess = Pick<NodeJS.Process, 'argv' | 'exitCode'> & {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
}

const CANNOT_BEGIN: readonly ErrorCode[] = [
  'CONFIG_INVALID',
  'SERVER_MISSING',
  'REQUEST_INVALID',
  'PORT_IN_USE',
  'DATA_DIR_IN_USE',
  'DISK_FULL'
]

/** 2 for a failure before the work began, such as invalid arguments or a missing server; else 1. */
function exitCodeOf(error: unknown): 1 | 2 {
  return CANNOT_BEGIN.some((code) => hasCode(error, code)) ? 2 : 1
}

/**
 * Runs a command of this process: results to standard output, everything else to standard error. Only a
 * `*main.ts` calls this. The exit code is the command's own, or `exitCodeOf` the error it throws.
 */
export async function runCommand<T>(
  { usage, read, run }: Command<T>,
  process: CommandProcess = globalThis.process
): Promise<void> {
  try {
    const args = read(process.argv.slice(2))
    if (args === 'help') process.stdout.write(usage)
    else process.exitCode = await run(args, terminalOf(process))
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`)
    process.exitCode = exitCodeOf(error)
  }
}

const PROGRESS_MS = 3000

function terminalOf({ stdout, stderr }: CommandProcess): Terminal {
  let saidAtMs = performance.now()
  const note = (line: string): void => void stderr.write(`${line}\n`)
  return {
    write: (text) => void stdout.write(text),
    note,
    progress(line) {
      if (performance.now() - saidAtMs < PROGRESS_MS) return
      saidAtMs = performance.now()
      note(line)
    }
  }
}

/**
 * Aborts at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once. For commands that
 * must close something; without it the first signal ends the process.
 */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (stopping.signal.aborted) process.exit(1)
      stopping.abort()
    })
  }
  return stopping.signal
}

/** Lines of a result that are written up to a limit; the rest are counted. */
export class LimitedLines {
  readonly #terminal: Pick<Terminal, 'write'>
  readonly #limit: number
  #count = 0

  constructor(terminal: Pick<Terminal, 'write'>, limit: number) {
    this.#terminal = terminal
    this.#limit = limit
  }

  add(line: string): void {
    if (++this.#count <= this.#limit) this.#terminal.write(`${line}\n`)
  }

  /** Says how many were not shown. */
  end(): void {
    const more = this.#count - this.#limit
    if (more > 0) this.#terminal.write(`and ${more} more (--all shows them)\n`)
  }
}
