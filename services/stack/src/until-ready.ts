import { messageOf, systemClock, TapedeckError } from '@tapedeck/core'
import type { Child } from './child.ts'
import { tailOf, type LogFile } from './log-file.ts'
import { lastLines } from './run-command.ts'

const LOOK_EVERY_MS = 40
const STOP_LIMIT_MS = 2000

/**
 * Waits until a server has logged its line and answers. One that does not is ended.
 *
 * @throws SERVER_FAILED with the log's last lines when it ends or is not ready in time; ABORTED
 */
export async function untilReady(
  child: Child,
  {
    name,
    log,
    line,
    answers,
    limitMs,
    signal
  }: {
    readonly name: string
    readonly log: LogFile
    readonly line: string
    readonly answers: () => Promise<unknown>
    readonly limitMs: number
    readonly signal: AbortSignal
  }
): Promise<void> {
  const deadlineMs = Date.now() + limitMs
  let problem = `its log does not say '${line}'`
  try {
    while (Date.now() < deadlineMs) {
      if (!child.isRunning()) {
        const { how } = await child.exited
        throw failure(`Cannot start ${name}: it ended with ${how}`)
      }
      if ((await tailOf(log)).includes(line)) {
        try {
          await answers()
          return
        } catch (error) {
          problem = messageOf(error)
        }
      }
      await systemClock.delay(LOOK_EVERY_MS, signal)
    }
    throw failure(`Cannot start ${name} within ${limitMs} ms: ${problem}`)
  } catch (error) {
    await child.stop(STOP_LIMIT_MS)
    if (!(error instanceof TapedeckError) || error.code !== 'SERVER_FAILED') throw error
    const last = lastLines(await tailOf(log), 3)
    throw failure(`${error.message}; ${last === '' ? 'it logged nothing' : last} (${log.path})`)
  }
}

function failure(message: string): TapedeckError {
  return new TapedeckError('SERVER_FAILED', message)
}
