import { addAbortListener } from 'node:events'
import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import path from 'node:path'
import { hasCode, messageOf, TapedeckError, type Env } from '@tapedeck/core'
import type { StackConfig } from './config.ts'
import type { Progress } from './screen.ts'
import { withoutSecretsOfOthers } from './secrets.ts'

/** The inputs of a search for a program; tests pass their own folders. */
export interface Search {
  /** PATH, JAVA_HOME, KAFKA_HOME, MONGOD_BIN: variables of the machine, not of tapedeck. */
  readonly env: Env
  readonly cacheDir: string
  readonly platform: NodeJS.Platform
  readonly arch: NodeJS.Architecture
  /** Where packages put a mongod or a mariadbd when PATH lacks the folder. */
  readonly usualFolders: readonly string[]
  /** False: only programs on the machine count, and nothing is fetched. */
  readonly mayFetch: boolean
  readonly progress: Progress
}

/** The search of a stack on this machine. */
export function searchOf(
  { env, cacheDir }: Pick<StackConfig, 'env' | 'cacheDir'>,
  progress: Progress,
  mayFetch = true
): Search {
  return {
    env: withoutSecretsOfOthers(env, 'search'),
    cacheDir,
    platform: process.platform,
    arch: process.arch,
    usualFolders: [
      '/usr/bin',
      '/usr/sbin',
      '/usr/local/bin',
      '/usr/local/sbin',
      '/opt/homebrew/bin'
    ],
    mayFetch,
    progress
  }
}

/** One place to look for a program. `find` returns the program or throws the reason why it is not there. */
export interface Step<T> {
  readonly name: string
  readonly find: (signal: AbortSignal) => Promise<T>
}

export interface Found<T> {
  readonly value: T
  /** The name of the step that found it. */
  readonly from: string
  /** Why the earlier steps did not, one sentence each. */
  readonly reasons: readonly string[]
}

/** The error of a step that does not find the program. */
export function notThere(reason: string): TapedeckError {
  return new TapedeckError('SERVER_MISSING', reason)
}

/** The step that looks where an environment variable points. */
export function stepOfVariable<T>(
  name: string,
  value: string | undefined,
  find: (value: string, signal: AbortSignal) => Promise<T>
): Step<T> {
  return {
    name,
    find: async (signal) => {
      if (value === undefined || value === '') throw notThere('not set')
      return find(value, signal)
    }
  }
}

/** The step that fetches the program, if the search may fetch. */
export function stepOfFetch<T>(name: string, { mayFetch }: Search, find: Step<T>['find']): Step<T> {
  return {
    name,
    find: async (signal) => {
      if (!mayFetch) throw notThere('fetching is off')
      return find(signal)
    }
  }
}

/**
 * The first step that finds the program. Steps run one after another, so that nothing is fetched without need.
 *
 * @throws SERVER_MISSING with the reason of every step, and `remedy` as the last line; ABORTED
 */
export async function firstFound<T>(
  what: string,
  steps: readonly Step<T>[],
  {
    signal,
    remedy,
    progress
  }: { readonly signal: AbortSignal; readonly remedy: string; readonly progress?: Progress }
): Promise<Found<T>> {
  const reasons: string[] = []
  for (const { name, find } of steps) {
    if (signal.aborted) throw new TapedeckError('ABORTED', `Looking for ${what} was aborted`)
    try {
      return { value: await find(signal), from: name, reasons }
    } catch (error) {
      if (signal.aborted || hasCode(error, 'ABORTED')) {
        throw new TapedeckError('ABORTED', `Looking for ${what} was aborted`, { cause: error })
      }
      // An absence is reported only when nothing is found, a failure at once.
      if (!hasCode(error, 'SERVER_MISSING')) progress?.warn(`${what}, ${name}: ${messageOf(error)}`)
      reasons.push(`${name}: ${messageOf(error)}`)
    }
  }
  throw new TapedeckError(
    'SERVER_MISSING',
    [`Cannot find ${what}:`, ...reasons.map((reason) => `- ${reason}`), remedy].join('\n  ')
  )
}

/**
 * The result of `probe` for the first file that it accepts.
 * @throws SERVER_MISSING with the reason of every file, or `none` when there is no file
 */
export async function firstAccepted<T>(
  files: Iterable<string>,
  probe: (file: string) => Promise<T>,
  none: string
): Promise<T> {
  const reasons: string[] = []
  for (const file of files) {
    try {
      return await probe(file)
    } catch (error) {
      reasons.push(messageOf(error))
    }
  }
  throw notThere(reasons.length > 0 ? reasons.join('; ') : none)
}

/** The programs called `name` in the folders of PATH, in order. */
export async function onPath(env: Env, name: string): Promise<string[]> {
  const folders = (env['PATH'] ?? '').split(path.delimiter).filter((folder) => folder !== '')
  const found: string[] = []
  for (const folder of folders) {
    const candidate = path.join(folder, name)
    if (await isProgram(candidate)) found.push(candidate)
  }
  return found
}

async function isProgram(file: string): Promise<boolean> {
  const isFile = (await stat(file).catch(() => undefined))?.isFile() ?? false
  return (
    isFile &&
    access(file, constants.X_OK).then(
      () => true,
      () => false
    )
  )
}

const PROBE_LIMIT_MS = 60_000

/**
 * The output of a program for --version.
 * @throws SERVER_MISSING when it is no program or fails; with the loader's message, if that is the cause
 */
export async function askVersion(
  file: string,
  option: string,
  signal: AbortSignal
): Promise<string> {
  if (!(await isProgram(file))) throw notThere(`no program ${file}`)
  return runCommand(file, [option], { signal, timeoutMs: PROBE_LIMIT_MS }).catch(
    (error: unknown) => {
      throw notThere(messageOf(error))
    }
  )
}

/** How much of a command's output is kept, from its end. */
const KEPT_CHARS = 16_000
const MESSAGE_CHARS = 500
const KILL_AFTER_MS = 3000

/**
 * Runs a command to its end; returns standard output and error together, the last 16 000 characters.
 * `onOutput` is called with each piece of standard output.
 *
 * @throws SERVER_MISSING when there is no such program, TIMED_OUT, ABORTED, and SERVER_FAILED with
 *   the last lines of output when the exit code is not 0
 */
export function runCommand(
  command: string,
  args: readonly string[],
  {
    signal,
    timeoutMs,
    cwd,
    env,
    input,
    onOutput
  }: {
    readonly signal: AbortSignal
    readonly timeoutMs: number
    readonly cwd?: string
    readonly env?: Env
    /** What it reads from standard input; nothing unless given. */
    readonly input?: string
    readonly onOutput?: (piece: string) => void
  }
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  if (signal.aborted) {
    reject(new TapedeckError('ABORTED', `${command} was not run: stopping`))
    return promise
  }
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env })
  })
  child.stdin.on('error', () => undefined) // it ended before it had read all
  child.stdin.end(input)
  let output = ''
  const keep = (piece: string): void => {
    output = (output + piece).slice(-KEPT_CHARS)
  }
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    keep(piece)
    onOutput?.(piece)
  })
  child.stderr.setEncoding('utf8').on('data', keep)

  let ended: TapedeckError | undefined
  const end = (error: TapedeckError): void => {
    ended ??= error
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref()
  }
  const timer = setTimeout(() => {
    end(new TapedeckError('TIMED_OUT', `${command} took longer than ${timeoutMs} ms`))
  }, timeoutMs)
  const listener = addAbortListener(signal, () =>
    end(new TapedeckError('ABORTED', `${command} was stopped`))
  )
  const release = (): void => {
    clearTimeout(timer)
    listener[Symbol.dispose]()
  }
  child.once('error', (cause: NodeJS.ErrnoException) => {
    release()
    const why = cause.code === 'ENOENT' ? 'no such program' : cause.message
    reject(new TapedeckError('SERVER_MISSING', `${command}: ${why}`, { cause }))
  })
  child.once('close', (code, killedBy) => {
    release()
    if (ended !== undefined) reject(ended)
    else if (code === 0) resolve(output)
    else {
      const how = killedBy === null ? `exit code ${code}` : `killed by ${killedBy}`
      reject(new TapedeckError('SERVER_FAILED', `${command} failed: ${how}; ${reasonIn(output)}`))
    }
  })
  return promise
}

/** The line with the error, or the last lines without one. */
function reasonIn(output: string): string {
  const named = output.split('\n').find((line) => /^\[?(error|fatal)\b/i.test(line))
  return named?.slice(0, MESSAGE_CHARS) ?? lastLines(output, 3)
}

/** The last `count` lines that are not blank, joined by ` | `. */
export function lastLines(output: string, count: number): string {
  const lines = output.split('\n').map((line) => line.trim())
  return lines
    .filter((line) => line !== '')
    .slice(-count)
    .join(' | ')
}
