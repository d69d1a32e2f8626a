import { didYouMean, duration, isObject, printable, TapedeckError, type Json } from '@tapedeck/core'
import { BATCH_NAME, BATCH_NAME_RULE, type JobSpec, type TaskSpec } from './graph.ts'
import { commandWords } from './command-words.ts'
import { jsonOf, shown, unknownFields } from './json-file.ts'

/** A program to spawn without a shell: `words[0]` is the program, the rest are its arguments. */
export interface ModuleCommand {
  readonly module: string
  readonly words: readonly string[]
  /** The options that get the value of a parameter of the run, by the parameter. */
  readonly parameters: ModuleParameters
}

export type ModuleParameters = ReadonlyMap<string, readonly string[]>

/** A sequence, checked: the job, the command of each of its tasks, and the module for failures if there is one. */
export interface Sequence {
  readonly job: JobSpec & { readonly kind: 'sequence' }
  /** By name of task. */
  readonly commands: ReadonlyMap<string, ModuleCommand>
  readonly errorHandler: ModuleCommand | undefined
}

/** The module that runs after a failure, if modules.json has it. */
const ERROR_HANDLER = 'error_handler'
const MODULES_FILE = 'modules.json'
const MODULE_FIELDS = ['cmd', 'flags', 'parameters', 'retries', 'retry_delay', 'backoff', 'timeout']
const STEP_FIELDS = ['module_name', 'input', 'output', 'conf']
const FLAGS = ['input', 'output', 'config'] as const
const MAX_STEPS = 1000
const MAX_RETRIES = 1000
const DAY_MS = 86_400_000

type Flags = Readonly<Record<(typeof FLAGS)[number], string>>

interface Module {
  readonly words: readonly string[]
  readonly flags: Flags
  readonly parameters: ModuleParameters
  readonly limits: Omit<TaskSpec, 'name' | 'after'>
}

/**
 * Reads a sequence from its two files. A task is called as its module; a module that comes again is `NAME-2`,
 * `NAME-3`. The form of the files: docs/batch.md.
 * @param files the texts of etl_sequences/NAME.json and modules.json
 * @throws CONFIG_INVALID with every mistake of both files and its place
 */
export function readSequence(
  name: string,
  files: { readonly sequence: string; readonly modules: string }
): Sequence {
  const mistakes: string[] = []
  if (!BATCH_NAME.test(name)) {
    mistakes.push(`sequence '${printable(name)}' found, expected ${BATCH_NAME_RULE}`)
  }
  const modules = readModules(files.modules, mistakes)
  const steps = readSteps(
    `etl_sequences/${printable(name)}.json`,
    files.sequence,
    modules,
    mistakes
  )
  if (mistakes.length > 0) {
    const text = `Cannot read sequence ${printable(name)}: ${mistakes.join('\n  ')}`
    throw new TapedeckError('CONFIG_INVALID', text)
  }
  const tasks: TaskSpec[] = []
  const commands = new Map<string, ModuleCommand>()
  for (const { command, limits } of steps) {
    const task = unusedName(command.module, commands)
    const last = tasks.at(-1)
    tasks.push({ name: task, after: last === undefined ? [] : [last.name], ...limits })
    commands.set(task, command)
  }
  const handler = modules.get(ERROR_HANDLER)
  return {
    job: { name, kind: 'sequence', tasks },
    commands,
    errorHandler: handler && {
      module: ERROR_HANDLER,
      words: handler.words,
      parameters: handler.parameters
    }
  }
}

/**
 * The words of a command with the options that get a value from the run. A parameter that the run does not have gives no
 * option.
 */
export function commandFor(
  { words, parameters }: Pick<ModuleCommand, 'words' | 'parameters'>,
  values: Readonly<Record<string, string>>
): readonly string[] {
  const options = [...parameters].flatMap(([name, own]) => {
    const value = values[name]
    return value === undefined ? [] : own.flatMap((option) => [option, value])
  })
  return [...words, ...options]
}

/** The modules by name; undefined for one with a mistake, so that a step that names it is not a second one. */
function readModules(text: string, mistakes: string[]): Map<string, Module | undefined> {
  const modules = new Map<string, Module | undefined>()
  const found = jsonOf(MODULES_FILE, text, mistakes)
  if (found === undefined) return modules
  if (!isObject(found)) {
    mistakes.push(`${MODULES_FILE}: ${shown(found)} found, expected an object of modules by name`)
    return modules
  }
  for (const [name, value] of Object.entries(found)) {
    const before = mistakes.length
    const module = readModule(`${MODULES_FILE}, module '${printable(name)}'`, name, value, mistakes)
    modules.set(name, mistakes.length === before ? module : undefined)
  }
  return modules
}

function readModule(
  place: string,
  name: string,
  value: unknown,
  mistakes: string[]
): Module | undefined {
  if (!BATCH_NAME.test(name)) mistakes.push(`${place}: expected ${BATCH_NAME_RULE}`)
  if (!isObject(value)) {
    mistakes.push(
      `${place}: ${shown(value)} found, expected an object such as {"cmd": "node load.ts"}`
    )
    return undefined
  }
  unknownFields(place, value, MODULE_FIELDS, mistakes)
  const read = new Fields(place, value, mistakes)
  return {
    words: wordsOf(place, value['cmd'], mistakes),
    flags: flagsOf(place, value['flags'], mistakes),
    parameters: parametersOf(place, value['parameters'], mistakes),
    limits: {
      retries: read.whole('retries', 0, MAX_RETRIES),
      retryDelayMs: read.time('retry_delay', 30_000, 0, DAY_MS),
      backoff: read.choice('backoff', ['fixed', 'exponential']),
      timeoutMs: read.time('timeout', 3_600_000, 1, 7 * DAY_MS)
    }
  }
}

/** The optional fields of a module. A value that does not fit is noted as a mistake. */
class Fields {
  readonly #place: string
  readonly #found: Json
  readonly #mistakes: string[]

  constructor(place: string, found: Json, mistakes: string[]) {
    this.#place = place
    this.#found = found
    this.#mistakes = mistakes
  }

  whole(field: string, min: number, max: number): number {
    const value = this.#found[field] ?? min
    const isWhole = typeof value === 'number' && Number.isSafeInteger(value)
    if (isWhole && value >= min && value <= max) return value
    return this.#mistake(field, `a whole number from ${min} to ${max}`, min)
  }

  /** Of a text such as 30s, in ms. */
  time(field: string, fallbackMs: number, minMs: number, maxMs: number): number {
    const value = this.#found[field]
    if (value === undefined) return fallbackMs
    const { parse, expected } = duration(undefined, minMs)
    const ms = typeof value === 'string' ? parse(value) : undefined
    if (ms !== undefined && ms <= maxMs) return ms
    return this.#mistake(field, `${expected}, at most ${maxMs / DAY_MS}d`, fallbackMs)
  }

  choice<T extends string>(field: string, choices: readonly [T, ...T[]]): T {
    const value = this.#found[field] ?? choices[0]
    const choice = choices.find((one) => one === value)
    return choice ?? this.#mistake(field, choices.join(' or '), choices[0])
  }

  #mistake<T>(field: string, expected: string, fallback: T): T {
    const found = shown(this.#found[field])
    this.#mistakes.push(`${this.#place}: ${field} ${found} found, expected ${expected}`)
    return fallback
  }
}

function wordsOf(place: string, cmd: unknown, mistakes: string[]): readonly string[] {
  const isList =
    Array.isArray(cmd) && cmd.length > 0 && cmd.every((word) => typeof word === 'string')
  if (isList) {
    if (cmd[0] === '' || cmd.some((word) => word.includes('\0'))) {
      mistakes.push(
        `${place}: cmd ${shown(cmd)} found, expected a program first and no NUL character`
      )
    }
    return cmd
  }
  if (typeof cmd !== 'string') {
    mistakes.push(
      `${place}: cmd ${shown(cmd)} found, expected a command such as "node load.ts", or its words as a list`
    )
    return []
  }
  const words = commandWords(cmd)
  if (Array.isArray(words)) return words
  mistakes.push(`${place}: cmd ${shown(cmd)}: ${words.mistake}`)
  return []
}

function flagsOf(place: string, flags: unknown, mistakes: string[]): Flags {
  const all = { input: '--input', output: '--output', config: '--config' }
  if (flags === undefined) return all
  if (!isObject(flags)) {
    mistakes.push(
      `${place}: flags ${shown(flags)} found, expected an object such as {"input": "-i"}`
    )
    return all
  }
  unknownFields(`${place}, flags`, flags, FLAGS, mistakes)
  for (const flag of FLAGS) {
    const found = flags[flag]
    if (found === undefined) continue
    if (typeof found === 'string' && /^-[^\s\0]*$/.test(found)) all[flag] = found
    else
      mistakes.push(
        `${place}, flags: ${flag} ${shown(found)} found, expected an option such as "-i"`
      )
  }
  return all
}

function parametersOf(place: string, found: unknown, mistakes: string[]): ModuleParameters {
  if (found === undefined) return new Map()
  if (!isObject(found)) {
    mistakes.push(
      `${place}: parameters ${shown(found)} found, expected an object such as {"date": "--date"}`
    )
    return new Map()
  }
  return new Map(
    Object.entries(found).map(([name, value]) => {
      const options: readonly unknown[] = Array.isArray(value) ? value : [value]
      if (/^[A-Za-z][\w-]*$/.test(name) && options.length > 0 && options.every(isOption)) {
        return [name, options]
      }
      mistakes.push(
        `${place}, parameters: ${printable(name)} ${shown(value)} found, expected a name of letters and digits ` +
          'with an option such as "--date", or a list of them'
      )
      return [name, []]
    })
  )
}

function isOption(one: unknown): one is string {
  return typeof one === 'string' && /^-[^\s\0]*$/.test(one)
}

interface Step {
  readonly command: ModuleCommand
  readonly limits: Module['limits']
}

function readSteps(
  file: string,
  text: string,
  modules: ReadonlyMap<string, Module | undefined>,
  mistakes: string[]
): Step[] {
  const found = jsonOf(file, text, mistakes)
  if (found === undefined) return []
  if (!Array.isArray(found) || found.length === 0 || found.length > MAX_STEPS) {
    const what = Array.isArray(found) ? `a list of ${found.length}` : shown(found)
    mistakes.push(
      `${file}: ${what} found, expected a list of 1 to ${MAX_STEPS} such as [{"module_name": "load"}]`
    )
    return []
  }
  return found.flatMap((value, at) => {
    const step = readStep(`${file}, step ${at + 1}`, value, modules, mistakes)
    return step === undefined ? [] : [step]
  })
}

function readStep(
  place: string,
  value: unknown,
  modules: ReadonlyMap<string, Module | undefined>,
  mistakes: string[]
): Step | undefined {
  if (!isObject(value)) {
    mistakes.push(
      `${place}: ${shown(value)} found, expected an object such as {"module_name": "load"}`
    )
    return undefined
  }
  unknownFields(place, value, STEP_FIELDS, mistakes)
  const path = (field: string): string => {
    const found = value[field] ?? ''
    if (typeof found === 'string' && !found.includes('\0')) return found
    mistakes.push(`${place}: ${field} ${shown(found)} found, expected a path`)
    return ''
  }
  const paths = { input: path('input'), output: path('output'), config: path('conf') }
  const name = value['module_name']
  if (typeof name !== 'string' || !modules.has(name)) {
    const near = typeof name === 'string' ? didYouMean(name, [...modules.keys()]) : ''
    mistakes.push(
      `${place}: module_name ${shown(name)} found, expected a module of ${MODULES_FILE}${near}`
    )
    return undefined
  }
  if (name === ERROR_HANDLER) {
    mistakes.push(
      `${place}: module_name "${ERROR_HANDLER}" found, expected another module: this one runs by itself after a failure`
    )
  }
  const module = modules.get(name)
  if (module === undefined) return undefined
  const options = FLAGS.flatMap((flag) =>
    paths[flag] === '' ? [] : [module.flags[flag], paths[flag]]
  )
  const { words, parameters, limits } = module
  return { command: { module: name, words: [...words, ...options], parameters }, limits }
}

function unusedName(module: string, used: ReadonlyMap<string, unknown>): string {
  let name = module
  for (let count = 2; used.has(name); count++) name = `${module}-${count}`
  return name
}
