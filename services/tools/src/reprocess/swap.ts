import { eachSwap, swapBars, type Database, type ShadowBarDocument } from '@tapedeck/mongo'
import type { ConditionPolicy } from '@tapedeck/domain'
import type { ToolConfig } from './command-config.ts'
import { settledMs } from './day.ts'
import { isBeyondLateness, isLetGo, logStates, type LogState } from './log-state.ts'

export interface SwapOptions {
  readonly policy: ConditionPolicy
  readonly isForced: boolean
}

/** What became of the bars that differ. */
export interface SwapOutcome {
  readonly replaced: number
  /** Their content is the same; only the rules they name are new. */
  readonly labelled: number
  readonly inserted: number
  readonly removed: number
  /** Those that stayed, by reason. */
  readonly skipped: Readonly<Record<string, number>>
}

const CHANGED = 'changed while this ran; run it again'
const IN_MEMORY = 'ended less than a minute ago, the consumer may still hold it'
const OTHER_RULES =
  'trades may still come in late, and the consumer would put them in under other rules: ' +
  'set CONDITION_POLICY, restart the consumer, run this again'

/** Puts the rebuilt bars that differ in the place of the stored ones, each guarded. */
export async function swapIn(
  database: Database,
  config: ToolConfig,
  options: Pick<SwapOptions, 'policy' | 'isForced'>
): Promise<SwapOutcome> {
  const states = await logStates(database, config, Date.now())
  const counts = { replace: 0, label: 0, insert: 0, remove: 0, keep: 0 }
  const skipped = new Map<string, number>()
  const skip = (reason: string): void => void skipped.set(reason, (skipped.get(reason) ?? 0) + 1)
  await eachSwap(database, async (batch) => {
    const ready: ShadowBarDocument[] = []
    for (const bar of batch) {
      const hindrance = hindranceOf(bar, states.get(bar.source.log), config, options)
      if (hindrance === undefined) ready.push(bar)
      else skip(hindrance)
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

/** Why a bar may not be swapped now; pure. */
export function hindranceOf(
  bar: ShadowBarDocument,
  state: LogState | undefined,
  config: ToolConfig,
  { policy, isForced }: Pick<SwapOptions, 'policy' | 'isForced'>
): string | undefined {
  const settles = settledMs(bar)
  const isOld = isBeyondLateness(state, settles, config.fold.latenessLimitMs)
  const isRead = state?.isRead === true
  if (!isLetGo(state, settles)) return IN_MEMORY
  const isOtherPolicy = config.fold.policy !== policy || (isRead && state.policy !== policy)
  if (isOtherPolicy && !isOld) return OTHER_RULES
  const { doubt } = bar.reprocess
  if (doubt === null || (isForced && (isOld || !isRead))) return undefined
  return isForced
    ? 'is in doubt while the consumer runs and trades may still come in late'
    : 'is in doubt; see the list above'
}
