import { execFile } from 'node:child_process'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../../..')

interface ModuleRun {
  readonly code: number
  /** Standard output, followed by standard error. */
  readonly output: string
}

/** Runs a module of the lake as a process of its own, with this environment only. */
export function runModule(
  name: string,
  env: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<ModuleRun> {
  return runProgram(path.join(root, 'services/batch/src/lake/main.ts'), env, name, ...args)
}

/** The same for any program. */
export async function runProgram(
  program: string,
  env: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<ModuleRun> {
  const { promise, resolve } = Promise.withResolvers<ModuleRun>()
  const { PATH = '' } = process.env
  execFile(
    process.execPath,
    [program, ...args],
    { cwd: root, env: { PATH, ...env }, timeout: 120_000, maxBuffer: 64 * 1024 * 1024 },
    (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr })
    }
  )
  return promise
}
