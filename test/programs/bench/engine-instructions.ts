import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { OwnScope, temporaryFolder } from '../../support/scope.ts'

const STEPS = ['decode', 'fold'] as const
type Step = (typeof STEPS)[number]

/** What engine-counted.ts is given. */
export interface CountedTask {
  readonly step: Step
  /** Trades to make. */
  readonly made: number
  /** Trades of them to run the step over. */
  readonly trades: number
  readonly timeframes: readonly string[]
}

export interface InstructionRow {
  readonly step: Step
  readonly instructionsPerTrade: number
}

const run = promisify(execFile)
const PROGRAM = path.join(import.meta.dirname, 'engine-counted.ts')
/**
 * The compiler and the garbage collector work on the thread that is counted, at the same places in each run; what they take
 * belongs to the count.
 */
const NODE_FLAGS = ['--single-threaded', '--hash-seed=1', '--random-seed=1']
const CACHEGRIND = ['--tool=cachegrind', '--cache-sim=no', '--cachegrind-out-file=/dev/null']
/** Node writes machine code while it runs. */
const OWN_CODE = '--smc-check=all-non-file'

/**
 * Counts the machine instructions that each step of the engine takes for a trade, with valgrind's cachegrind: those of a run
 * over all trades less those of a run over half of them. So the start of the process, the making of the records and the
 * compiling of what both runs call often drop out. Other work on the machine changes nothing.
 *
 * @throws SERVER_MISSING without valgrind; SERVER_FAILED when it gives no count
 */
export async function countInstructions(
  trades: number,
  timeframes: readonly string[],
  say: (text: string) => void
): Promise<InstructionRow[]> {
  await requireValgrind()
  const scope = new OwnScope()
  try {
    // With what Node compiled before, a run takes a third less.
    const env = { ...process.env, NODE_COMPILE_CACHE: await temporaryFolder(scope) }
    const task = (step: Step, part: number): string =>
      JSON.stringify({ step, made: trades, trades: part, timeframes } satisfies CountedTask)
    for (const step of STEPS) {
      await run(process.execPath, [...NODE_FLAGS, PROGRAM, task(step, 5)], { env })
    }
    const rows: InstructionRow[] = []
    const half = 5 * Math.floor(trades / 10)
    for (const step of STEPS) {
      say(`${step}: ${trades} and ${half} trades`)
      const [all, part] = await Promise.all([
        instructionsOf(task(step, trades), env),
        instructionsOf(task(step, half), env)
      ])
      rows.push({ step, instructionsPerTrade: Math.round((all - part) / (trades - half)) })
    }
    return rows
  } finally {
    await scope.end()
  }
}

async function requireValgrind(): Promise<void> {
  try {
    await run('valgrind', ['--version'])
  } catch (cause) {
    throw new TapedeckError(
      'SERVER_MISSING',
      `Cannot count instructions: ${messageOf(cause)}, expected valgrind on PATH (Debian: apt-get install valgrind)`,
      { cause }
    )
  }
}

async function instructionsOf(task: string, env: NodeJS.ProcessEnv): Promise<number> {
  const args = [...CACHEGRIND, OWN_CODE, process.execPath, ...NODE_FLAGS, PROGRAM, task]
  const { stderr } = await run('valgrind', args, { env })
  return countIn(stderr)
}

/** The number in the last lines of cachegrind. @throws SERVER_FAILED when there is none */
export function countIn(output: string): number {
  const digits = /I +refs: +([\d,]+)/.exec(output)?.[1]
  if (digits !== undefined) return Number(digits.replaceAll(',', ''))
  throw new TapedeckError('SERVER_FAILED', `valgrind gave no count:\n${output.slice(-500)}`)
}
