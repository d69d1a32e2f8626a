import { open } from 'node:fs/promises'
import { redactUrl } from '@tapedeck/core'
import type { LogFile } from './log-file.ts'
import type { Progress } from './progress.ts'

/** At most this many lines of a service reach the terminal in one period; the file has them all. */
const MOST_LINES = 10
const PERIOD_MS = 10_000
const LOOK_EVERY_MS = 200
/** Read at once; a service that logs faster than five times this a second is followed later. */
const PIECE_BYTES = 256 * 1024

/** A service's log as it grows. */
export interface FollowedLog {
  /** The last warning or error, for the message when the service fails. */
  lastProblem(): string | undefined
  /** Reads what is left and ends. */
  stop(): Promise<void>
}

/**
 * Follows the file that a service writes to, and puts warnings, errors and crashes on the terminal,
 * in words. The service holds the file itself, not a pipe: pino, on a pipe whose reader is gone,
 * writes for ever at exit, and the log of a service is most wanted when its stack was killed.
 */
export function followLog(
  name: string,
  { path: file, begin }: Pick<LogFile, 'path' | 'begin'>,
  progress: Progress
): FollowedLog {
  let lastProblem: string | undefined
  let position = begin
  let rest = ''
  const limited = limitLines(progress, name, file)
  const readOn = async (): Promise<void> => {
    const handle = await open(file, 'r')
    try {
      for (;;) {
        const { buffer, bytesRead } = await handle.read(
          Buffer.alloc(PIECE_BYTES),
          0,
          PIECE_BYTES,
          position
        )
        if (bytesRead === 0) return
        position += bytesRead
        const lines = (rest + buffer.toString('utf8', 0, bytesRead)).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) {
          const problem = problemIn(line)
          if (problem === undefined) continue
          lastProblem = problem
          limited(`${name}: ${problem}`)
        }
      }
    } finally {
      await handle.close()
    }
  }
  let reading = Promise.resolve()
  const look = (): Promise<void> => {
    // Not being able to read a log must not end the stack.
    reading = reading.then(readOn).catch(() => undefined)
    return reading
  }
  const timer = setInterval(() => void look(), LOOK_EVERY_MS)
  return {
    lastProblem: () => lastProblem,
    async stop() {
      clearInterval(timer)
      await look()
    }
  }
}

/** Lines of a crash that say nothing to a person: the file has them. */
const TRACE = /^\s|^$|^node:|^Node\.js v|^\}/
const SHOWN = /"level":"(warn|error|fatal)"/

/** What a line of a log says, if it is a warning or worse; a line that is no JSON comes from a crash. */
export function problemIn(line: string): string | undefined {
  if (!line.startsWith('{')) return TRACE.test(line) ? undefined : redactUrl(line)
  if (!SHOWN.test(line)) return undefined
  try {
    const { level, msg, err } = JSON.parse(line) as {
      level?: string
      msg?: string
      err?: { message?: string; code?: string }
    }
    if (level === undefined || !['warn', 'error', 'fatal'].includes(level)) return undefined
    const cause = err?.message === undefined ? '' : `: ${err.message}`
    const code = err?.code === undefined ? '' : ` (${err.code})`
    return redactUrl(`${msg ?? level}${cause}${code}`)
  } catch {
    return undefined
  }
}

function limitLines(progress: Progress, name: string, file: string): (text: string) => void {
  let shown = 0
  let sinceMs = -Infinity
  return (text) => {
    const nowMs = performance.now()
    if (nowMs - sinceMs > PERIOD_MS) {
      shown = 0
      sinceMs = nowMs
    }
    shown++
    if (shown <= MOST_LINES) progress.warn(text)
    if (shown === MOST_LINES) progress.warn(`${name}: more of it only in ${file} for a while`)
  }
}
