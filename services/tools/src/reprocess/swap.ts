import type { ConditionPolicy, Rules } from '@tapedeck/domain'
import { eachSwap, swapBars, type Database, type ShadowBarDocument } from '@tapedeck/mongo'
import { isBeyondLateness, isReleased, logStates, finalMsOf, type LogState } from './symbol-day.ts'

interface SwapOptions {
  readonly policy: ConditionPolicy
  readonly isForced: boolean
}

/** The result of a swap. */
export interface SwapOutcome {
  readonly replaced: number
  /** Same content: only the policy's name changed. */
  readonly labelled: number
  readonly inserted: number
  readonly removed: number
  /** Bars that were not swapped, by reason. */
  readonly skipped: Readonly<Record<string, number>>
}

const CHANGED = 'changed during the run; run it again'
const IN_MEMORY = 'ended less than a minute ago, the consumer may still hold it'
const OTHER_RULES =
  'trades may still come in late, and the consumer would add them under other rules: ' +
  'set CONDITION_POLICY, restart the consumer, run this again'
const IN_DOUBT = 'is in doubt; see the list above'
const IN_DOUBT_AND_OPEN = 'is in doubt while the consumer runs and trades may still come in late'

/**
 * Replaces each stored bar that differs from its rebuilt one, unless it changed since the comparison.
 * @throws DATABASE_UNREACHABLE
 */
export async function swapIn(
  database: Database,
  rules: Rules,
  options: SwapOptions
): Promise<SwapOutcome> {
  const states = await logStates(database, rules, Date.now())
  const counts = { replace: 0, label: 0, insert: 0, remove: 0, keep: 0 }
  const skipped = new Map<string, number>()
  const skip = (reason: string): void => void skipped.set(reason, (skipped.get(reason) ?? 0) + 1)
  await eachSwap(database, async (batch) => {
    const ready: ShadowBarDocument[] = []
    for (const bar of batch) {
      const obstacle = obstacleTo(bar, states.get(bar.source.log), rules, options)
      if (obstacle === undefined) ready.push(bar)
      else skip(obstacle)
    }
    if (ready.length === 0) return
    const stayed = await swapBars(database, ready, new Date())
    for (const { _id, reprocess } of ready) {
      if (stayed.has(_id)) skip(CHANGED)
      else counts[reprocess.action]++
    }
  })
  return {
    replaced: counts.replace,
    labelled: counts.label,
    inserted: counts.insert,
    removed: counts.remove,
    skipped: Object.fromEntries(skipped)
  }
}

/** Why a bar may not be swapped now; undefined when it may. */
function obstacleTo(
  bar: ShadowBarDocument,
  state: LogState | undefined,
  { fold }: Rules,
  { policy, isForced }: SwapOptions
): string | undefined {
  const finalMs = finalMsOf(bar)
  const isComplete = isBeyondLateness(state, finalMs, fold.latenessLimitMs)
  const isRead = state?.isRead === true
  if (!isReleased(state, finalMs)) return IN_MEMORY
  const isOtherPolicy = fold.policy !== policy || (isRead && state.policy !== policy)
  if (isOtherPolicy && !isComplete) return OTHER_RULES
  if (bar.reprocess.doubt === null || (isForced && (isComplete || !isRead))) return undefined
  return isForced ? IN_DOUBT_AND_OPEN : IN_DOUBT
}
