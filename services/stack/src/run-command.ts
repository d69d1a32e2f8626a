import { spawn } from 'node:child_process'
import { TapedeckError } from '@tapedeck/core'

/** How much of a command's output is kept, from its end. */
const KEPT_CHARS = 16_000
const MESSAGE_CHARS = 500
const KILL_AFTER_MS = 3000

export interface CommandOptions {
  readonly signal: AbortSignal
  readonly timeoutMs: number
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Called with each piece of standard output. */
  readonly onOutput?: (piece: string) => void
}

/**
 * Runs a command to its end; answers standard output and error together, the last 16 000 characters.
 *
 * @throws SERVER_MISSING when there is no such program, TIMED_OUT, ABORTED, and SERVER_FAILED with
 *   the last lines of output when it ends otherwise than with 0
 */
export function runCommand(
  command: string,
  args: readonly string[],
  { signal, timeoutMs, cwd, env, onOutput }: CommandOptions
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  if (signal.aborted) {
    reject(new TapedeckError('ABORTED', `${command} was not run: stopping`))
    return promise
  }
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env })
  })
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
  const onAbort = (): void => end(new TapedeckError('ABORTED', `${command} was stopped`))
  signal.addEventListener('abort', onAbort, { once: true })
  const settle = (): void => {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
  child.once('error', (cause: NodeJS.ErrnoException) => {
    settle()
    const why = cause.code === 'ENOENT' ? 'no such program' : cause.message
    reject(new TapedeckError('SERVER_MISSING', `${command}: ${why}`, { cause }))
  })
  child.once('close', (code, killedBy) => {
    settle()
    if (ended !== undefined) reject(ended)
    else if (code === 0) resolve(output)
    else {
      const how = killedBy === null ? `exit code ${code}` : `killed by ${killedBy}`
      reject(new TapedeckError('SERVER_FAILED', `${command} failed: ${how}; ${whatItSays(output)}`))
    }
  })
  return promise
}

/** The line that names the error, or else the last lines. */
function whatItSays(output: string): string {
  const named = output.split('\n').find((line) => /^\[?(error|fatal)\b/i.test(line))
  return named?.slice(0, MESSAGE_CHARS) ?? lastLines(output, 3)
}

/** The last `count` lines with something in them, joined by ` | `. */
export function lastLines(output: string, count: number): string {
  const lines = output.split('\n').map((line) => line.trim())
  return lines
    .filter((line) => line !== '')
    .slice(-count)
    .join(' | ')
}
