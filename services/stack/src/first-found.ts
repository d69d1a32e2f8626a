import { hasCode, messageOf, TapedeckError } from '@tapedeck/core'
import type { Progress } from './progress.ts'

/** One place to look for a thing. `find` answers it, or throws the reason why it is not there. */
export interface Step<T> {
  readonly name: string
  readonly find: (signal: AbortSignal) => Promise<T>
}

export interface Found<T> {
  readonly value: T
  /** The name of the step that had it. */
  readonly from: string
  /** Why the earlier steps had not, one sentence each. */
  readonly reasons: readonly string[]
}

/** The reason a step gives for not having the thing. */
export function notThere(reason: string): TapedeckError {
  return new TapedeckError('SERVER_MISSING', reason)
}

/**
 * The first step that has it; steps run one after another, so that nothing is fetched in vain.
 *
 * @throws SERVER_MISSING with the reason of every step, and `remedy` as the last line; ABORTED as it is
 */
export async function firstFound<T>(
  what: string,
  steps: readonly Step<T>[],
  {
    signal,
    remedy,
    progress
  }: { readonly signal: AbortSignal; readonly remedy: string; readonly progress?: Progress }
): Promise<Found<T>> {
  const reasons: string[] = []
  for (const { name, find } of steps) {
    if (signal.aborted) throw new TapedeckError('ABORTED', `Looking for ${what} was aborted`)
    try {
      return { value: await find(signal), from: name, reasons }
    } catch (error) {
      if (signal.aborted || hasCode(error, 'ABORTED')) {
        throw new TapedeckError('ABORTED', `Looking for ${what} was aborted`, { cause: error })
      }
      // What was merely absent is told only when nothing is found; what failed is told at once.
      if (!hasCode(error, 'SERVER_MISSING')) progress?.warn(`${what}, ${name}: ${messageOf(error)}`)
      reasons.push(`${name}: ${messageOf(error)}`)
    }
  }
  throw new TapedeckError(
    'SERVER_MISSING',
    [`Cannot find ${what}:`, ...reasons.map((reason) => `- ${reason}`), remedy].join('\n  ')
  )
}
