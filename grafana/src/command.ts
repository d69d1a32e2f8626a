import { messageOf, TapedeckError } from '@tapedeck/core'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** A program with its leading arguments. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
}

const run = promisify(execFile)

/**
 * Runs a command to its end and returns what it printed.
 * @throws SERVER_FAILED with its last output, also when it takes longer than `timeoutMs`; ABORTED
 */
export async function output(
  command: Command,
  args: readonly string[],
  options: { readonly env: NodeJS.ProcessEnv; readonly timeoutMs: number; signal: AbortSignal }
): Promise<string> {
  try {
    const { stdout, stderr } = await run(command.file, [...command.args, ...args], {
      env: options.env,
      timeout: options.timeoutMs,
      signal: options.signal,
      maxBuffer: 4 * 1024 * 1024
    })
    return `${stdout}${stderr}`
  } catch (cause) {
    if (options.signal.aborted) {
      throw new TapedeckError('ABORTED', `${command.file} was stopped`, { cause })
    }
    const { stderr, stdout } = cause as { stderr?: string; stdout?: string }
    const words = lastWords(`${stdout ?? ''}\n${stderr ?? ''}`) || messageOf(cause)
    throw new TapedeckError('SERVER_FAILED', `${command.file} failed: ${words}`, { cause })
  }
}

/** The end of a program's output, for a message. */
export function lastWords(text: string, lines = 5): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-lines)
    .join('\n  ')
}
