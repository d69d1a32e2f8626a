import { execFile } from 'node:child_process'
import path from 'node:path'

/** The program of `npm run batch`. */
export const BATCH_PROGRAM = path.resolve(
  import.meta.dirname,
  '../../../services/batch/src/batch-main.ts'
)

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `npm run batch -- ARGS` as a process of its own. */
export function runBatch(
  env: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  execFile(
    process.execPath,
    [BATCH_PROGRAM, ...args],
    { env: { ...process.env, ...env }, timeout: 100_000 },
    (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr })
  )
  return promise
}
