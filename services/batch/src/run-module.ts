import path from 'node:path'
import { exitOf, type Env, type Guard } from '@tapedeck/core'
import type { TaskResult } from '@tapedeck/mongo'
import { OutputTail } from './output-tail.ts'

/** Of what a module prints, this much is kept: its end. */
const TAIL_BYTES = 16 * 1024
/** A module that is stopped may end by itself in this time; then it is killed. */
const STOP_LIMIT_MS = 2000
/** Programs that a module left behind may hold its output open for longer. */
const LAST_OUTPUT_LIMIT_MS = 1000

/**
 * Runs a program to its end, without a shell: its arguments are passed as they are. It is ended, with what it has
 * started, when the signal aborts and when this process dies, by whatever cause.
 * @param signal its reason is the error of a module that was ended by it
 * @param onOutput is called with each piece that it prints
 */
export async function runModule(
  guard: Guard,
  [program = '', ...args]: readonly string[],
  env: Env,
  signal: AbortSignal,
  onOutput: (piece: Buffer) => void = () => undefined
): Promise<TaskResult> {
  const tail = new OutputTail(TAIL_BYTES)
  const child = await guard.start(program, args, {
    env: { ...env, PATH: withOwnNode(env['PATH']) },
    log(piece) {
      tail.add(piece)
      onOutput(piece)
    }
  })
  const { code, how } = await exitOf(child, signal, STOP_LIMIT_MS)
  await withinLimit(child.printed)
  const error = signal.aborted ? String(signal.reason) : code === 0 ? null : how
  return { exitCode: code, output: null, tail: tail.toString(), error }
}

/** `node` is the one that runs this process, whatever the machine has. */
function withOwnNode(found: string | undefined): string {
  return [path.dirname(process.execPath), found ?? ''].filter(Boolean).join(path.delimiter)
}

async function withinLimit(work: Promise<void>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, LAST_OUTPUT_LIMIT_MS)
  await Promise.race([work, over])
  clearTimeout(timer)
}
