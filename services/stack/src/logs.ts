import { mkdir, open, rename, stat, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { redactUrl } from '@tapedeck/core'
import type { Progress } from './screen.ts'

/** A log above this size is renamed to `<name>.log.1` at the next start. */
const ROTATE_BYTES = 10 * 1024 * 1024
const TAIL_BYTES = 8192
const READ_BYTES = 256 * 1024

/** A file that a child writes to directly, so that its log survives the stack. */
export interface LogFile {
  readonly path: string
  /** Its length when it was opened: everything after it is of this run. */
  readonly begin: number
  readonly handle: FileHandle
}

export async function openLog(dataDir: string, name: string): Promise<LogFile> {
  const folder = path.join(dataDir, 'logs')
  await mkdir(folder, { recursive: true })
  const file = path.join(folder, `${name}.log`)
  const size = (await stat(file).catch(() => undefined))?.size ?? 0
  if (size > ROTATE_BYTES) await rename(file, `${file}.1`)
  const handle = await open(file, 'a')
  return { path: file, begin: size > ROTATE_BYTES ? 0 : size, handle }
}

/** How much this run has written, bytes. */
export async function bytesOf({ path: file, begin }: LogFile): Promise<number> {
  return (await stat(file)).size - begin
}

/** What this run has written, the last 8 KiB of it. */
export async function tailOf({ path: file, begin }: LogFile): Promise<string> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    const from = Math.max(begin, size - TAIL_BYTES)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, from)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

/**
 * Whether this run has written a text. Each look reads what was written since the one before, however much it is: a
 * server may log more than any tail between two looks.
 */
export function searchLog(
  { path: file, begin }: Pick<LogFile, 'path' | 'begin'>,
  text: string
): () => Promise<boolean> {
  const wanted = Buffer.from(text)
  let position = begin
  let rest = Buffer.alloc(0)
  let isFound = false
  return async () => {
    if (isFound) return true
    for await (const piece of piecesFrom(file, position)) {
      position += piece.length
      const seen = Buffer.concat([rest, piece])
      if (seen.includes(wanted)) return (isFound = true)
      rest = seen.subarray(Math.max(0, seen.length - wanted.length + 1))
    }
    return false
  }
}

/** What a file has from a position on, piece by piece. */
async function* piecesFrom(file: string, position: number): AsyncGenerator<Buffer> {
  const handle = await open(file, 'r')
  try {
    for (let at = position; ;) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

/** The most lines of a service that reach the terminal in one period; the file has them all. */
const MOST_LINES = 10
const PERIOD_MS = 10_000
const REPEAT_MS = 60_000
const MOST_KINDS = 1000
const LOOK_EVERY_MS = 200
/** A service may complain of a server's end before the stack is told of it. */
const HELD_MS = 1000

/** A service's log as it grows. */
interface FollowedLog {
  /** The last warning or error, for the message when the service fails. */
  lastProblem(): string | undefined
  /** Reads the rest and ends. */
  stop(): Promise<void>
}

/**
 * Follows the file that a service writes to and prints its warnings, errors and crashes on the terminal.
 * The service writes to a file, not to a pipe: at exit pino never stops writing to a pipe whose reader
 * is gone, and the log matters most when the stack was killed.
 *
 * @param isExplained while it answers true, what the service complains of is known: the lines stay in the file
 */
export function followLog(
  name: string,
  { path: file, begin }: Pick<LogFile, 'path' | 'begin'>,
  progress: Progress,
  isExplained: () => boolean = () => false
): FollowedLog {
  let lastProblem: string | undefined
  let position = begin
  let rest = ''
  const print = limitedWarn(progress, `${name}: more lines are only in ${file} for a while`)
  let held: { readonly problem: string; readonly sinceMs: number }[] = []
  const printThrough = (ms: number): void => {
    const due = held.filter(({ sinceMs }) => sinceMs <= ms)
    held = held.slice(due.length)
    if (isExplained()) return
    for (const { problem } of due) print(`${name}: ${problem}`)
  }
  const readOn = async (): Promise<void> => {
    for await (const piece of piecesFrom(file, position)) {
      position += piece.length
      const lines = (rest + piece.toString('utf8')).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const problem = problemIn(line)
        if (problem === undefined) continue
        lastProblem = problem
        if (!isExplained()) held.push({ problem, sinceMs: performance.now() })
      }
    }
  }
  let reading = Promise.resolve()
  const look = (): Promise<void> => {
    // A log that cannot be read must not end the stack.
    reading = reading
      .then(readOn)
      .catch(() => undefined)
      .then(() => printThrough(performance.now() - HELD_MS))
    return reading
  }
  const timer = setInterval(() => void look(), LOOK_EVERY_MS)
  return {
    lastProblem: () => lastProblem,
    async stop() {
      clearInterval(timer)
      await look()
      printThrough(Infinity)
    }
  }
}

/** Lines of a crash that do not help a person; the file has them. */
const TRACE = /^\s|^$|^node:|^Node\.js v|^\}/
const SHOWN = /"level":"(warn|error|fatal)"/

/** What the terminal shows of a line: its message, and the field that says why. */
interface LogLine {
  readonly level?: string
  readonly msg?: string
  readonly err?: { readonly message?: string; readonly code?: string }
  readonly cause?: unknown
  readonly reason?: unknown
  readonly message?: unknown
}

/** The message of a log line that is a warning or worse; a line that is no JSON comes from a crash. */
export function problemIn(line: string): string | undefined {
  if (!line.startsWith('{')) return TRACE.test(line) ? undefined : redactUrl(line)
  if (!SHOWN.test(line)) return undefined
  try {
    const { level, msg, err, ...fields } = JSON.parse(line) as LogLine
    if (level === undefined || !['warn', 'error', 'fatal'].includes(level)) return undefined
    const why = err?.message ?? fields.cause ?? fields.reason ?? fields.message
    const cause = typeof why === 'string' ? `: ${why}` : ''
    const code = err?.code === undefined ? '' : ` (${err.code})`
    return redactUrl(`${withoutRepeats(`${msg ?? level}${cause}`)}${code}`)
  } catch {
    return undefined
  }
}

/** An error has the message of its cause in its own, and the log adds that of each cause once more. */
function withoutRepeats(text: string): string {
  const said: string[] = []
  for (const part of text.split(': ')) {
    if (!said.some((one) => one === part || one.startsWith(`${part}, `))) said.push(part)
  }
  return said.join(': ')
}

/**
 * Warns of at most ten lines in ten seconds; `more` is the last of them when there are more. A line that differs from
 * one of the last minute in numbers alone, for instance of another partition, is the same trouble and is left out.
 */
export function limitedWarn(progress: Progress, more: string): (text: string) => void {
  let shown = 0
  let sinceMs = -Infinity
  const seenMs = new Map<string, number>()
  return (text) => {
    const nowMs = performance.now()
    const kind = text.replaceAll(/[0-9a-f]*\d[0-9a-f]*/g, '#')
    const isRepeated = nowMs - (seenMs.get(kind) ?? -Infinity) < REPEAT_MS
    if (seenMs.size >= MOST_KINDS) seenMs.clear()
    seenMs.set(kind, nowMs)
    if (isRepeated) return
    if (nowMs - sinceMs > PERIOD_MS) {
      shown = 0
      sinceMs = nowMs
    }
    shown++
    if (shown <= MOST_LINES) progress.warn(text)
    if (shown === MOST_LINES) progress.warn(more)
  }
}
