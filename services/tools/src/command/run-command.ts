import { messageOf, TapedeckError, type ErrorCode } from '@tapedeck/core'
import { processScreen, type Screen } from './screen.ts'

export interface Command<T> {
  readonly usage: string
  /** @throws CONFIG_INVALID that names every mistake */
  read(args: readonly string[]): T | 'help'
  /** Answers the exit code. */
  run(args: T, screen: Screen): Promise<0 | 1>
}

const CANNOT_BEGIN: readonly ErrorCode[] = ['CONFIG_INVALID', 'SERVER_MISSING', 'REQUEST_INVALID']

/**
 * Runs a command of this process: results on standard output, all else on standard error. Only a
 * `*-main.ts` calls this. Exit codes: as the command answers, 1 when it failed on the way, 2 when it
 * could not begin.
 */
export async function runCommand<T>({ usage, read, run }: Command<T>): Promise<void> {
  try {
    const args = read(process.argv.slice(2))
    if (args === 'help') write(usage)
    else process.exitCode = await run(args, processScreen(write, writeError, Date.now))
  } catch (error) {
    writeError(`${messageOf(error)}\n`)
    const isBeginning = error instanceof TapedeckError && CANNOT_BEGIN.includes(error.code)
    process.exitCode = isBeginning ? 2 : 1
  }
}

const write = (text: string): void => void process.stdout.write(text)
const writeError = (text: string): void => void process.stderr.write(text)
