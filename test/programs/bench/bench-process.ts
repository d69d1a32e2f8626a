import { spawn } from 'node:child_process'
import { addAbortListener, once } from 'node:events'
import path from 'node:path'
import { signalGroup, TapedeckError } from '@tapedeck/core'
import type { Bench, BenchLoad } from './compare-arguments.ts'
import type { Version } from './checkout.ts'

const STOP_LIMIT_MS = 30_000
const KEPT_LETTERS = 2000

/** Only options that every version of the benchmarks has, but for the tape. */
function optionsOf(bench: Bench, { engineTrades, pipelineTrades, tape }: BenchLoad): string[] {
  if (bench === 'engine')
    return ['--trades', String(engineTrades), '--rounds', '1', '--warm-ups', '1']
  const given =
    tape === undefined ? ['--trades', String(pipelineTrades)] : ['--tape', path.resolve(tape)]
  return ['--consumers', '1', ...given]
}

/**
 * Runs a benchmark of a version on the Node of that version, and returns the JSON of its last line. An abort stops it and
 * waits until its servers have ended.
 * @throws SERVER_FAILED when it fails or prints something else
 */
export async function runBench(
  { name, folder, programs }: Version,
  bench: Bench,
  load: BenchLoad,
  signal: AbortSignal
): Promise<unknown> {
  signal.throwIfAborted()
  const args = [programs[bench], '--json', ...optionsOf(bench, load)]
  // In a group of its own: Ctrl-C reaches only this process, which passes one signal on.
  const child = spawn(path.join(folder, 'node_modules/.bin/node'), args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true
  })
  let output = ''
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (said = (said + text).slice(-KEPT_LETTERS)))
  let killing: NodeJS.Timeout | undefined
  const stop = (): void => {
    child.kill('SIGINT')
    killing = setTimeout(() => signalGroup(child.pid ?? 0, 'SIGKILL'), STOP_LIMIT_MS)
  }
  using _listener = addAbortListener(signal, stop)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    signal.throwIfAborted()
    const report = jsonIn(output.trimEnd().split('\n').at(-1) ?? '')
    // 1 with a report: the check of the benchmark does not hold, which its report says.
    if (report !== undefined && (code === 0 || code === 1)) return report
    throw new TapedeckError(
      'SERVER_FAILED',
      `bench:${bench} of ${name} ended with exit code ${code}, expected a report:\n${said}`
    )
  } finally {
    clearTimeout(killing)
  }
}

function jsonIn(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
