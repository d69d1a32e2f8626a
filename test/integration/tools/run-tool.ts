import { execFile } from 'node:child_process'
import path from 'node:path'

const SOURCES = path.resolve(import.meta.dirname, '../../../services/tools/src')

export type Tool = 'audit' | 'backtest' | 'dead-letters' | 'export' | 'import' | 'reprocess'

export interface ToolRun {
  readonly code: number
  /** Standard output. */
  readonly result: string
  /** Standard output, followed by standard error. */
  readonly output: string
}

/** The program of a command, for a process of its own. */
export function programOf(tool: Tool): string {
  return path.join(SOURCES, `${tool}-main.ts`)
}

/** Runs a command as a process of its own, with this environment only. */
export async function runTool(
  tool: Tool,
  env: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<ToolRun> {
  const { promise, resolve } = Promise.withResolvers<ToolRun>()
  const { PATH = '' } = process.env
  execFile(
    process.execPath,
    [programOf(tool), ...args],
    { env: { PATH, ...env }, timeout: 120_000, maxBuffer: 64 * 1024 * 1024 },
    (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? -1)
      resolve({ code, output: stdout + stderr, result: stdout })
    }
  )
  return promise
}

/** The JSON object on the last line of a result. */
export function resultOf({ result }: ToolRun): unknown {
  return JSON.parse(result.trimEnd().split('\n').at(-1) ?? '')
}
