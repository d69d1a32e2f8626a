import { isActivity, type ConditionPolicy, type Timeframe } from '@tapedeck/domain'
import type { BarDocument, ShadowBarDocument } from '@tapedeck/mongo'
import type { Day } from './day.ts'
import { settledMs } from './day.ts'
import { judgeMissing, judgeStored, shadowOf, type Judged } from './judge.ts'
import { isBeyondLateness, isLetGo } from './log-state.ts'

export interface JudgeOptions {
  readonly policy: ConditionPolicy
  readonly latenessLimitMs: number
}

/** Takes the judged bars of a timeframe, in no order, some hundred at a time. */
export type JudgedTaker = (
  batch: readonly { readonly judged: Judged; readonly shadow: ShadowBarDocument }[]
) => Promise<void>

const NO_PROOF = 'no stored bar proves its trades'
const NOT_AS_A_WHOLE = 'bars of that many trades hang together, and not all of the date are proven'

/** Compares every bar of a timeframe of a day; answers how many are still open and not judged. */
export async function judgeTimeframe(
  day: Day,
  timeframe: Timeframe,
  { policy, latenessLimitMs }: JudgeOptions,
  take: JudgedTaker
): Promise<number> {
  const seen = new Set<string>()
  const counted: Entry[] = []
  let open = 0
  const hand = async (entries: readonly Entry[]): Promise<void> => {
    if (isActivity(timeframe)) counted.push(...entries)
    else await take(entries.map(withShadow))
  }
  await day.eachStored(timeframe, async (batch) => {
    const entries: Entry[] = []
    for (const stored of batch) {
      seen.add(stored._id)
      if (stored.status === 'provisional') open++
      else entries.push({ stored, judged: judgeStored(day, stored, policy) })
    }
    await hand(entries)
  })
  const missing: Entry[] = []
  for (const [id, rebuilt] of day.under(policy)) {
    if (rebuilt.bar.timeframe !== timeframe || seen.has(id)) continue
    const fresh = day.toDocument(rebuilt, policy)
    const settles = settledMs(fresh)
    if (!isLetGo(day.state, settles)) {
      open++
      continue
    }
    const isOld = isBeyondLateness(day.state, settles, latenessLimitMs)
    const doubt = isOld || isActivity(timeframe) ? null : NO_PROOF
    missing.push({ stored: undefined, judged: judgeMissing(day, fresh, doubt) })
    if (missing.length === BATCH) await hand(missing.splice(0))
  }
  await hand(missing)
  if (counted.length > 0) await take(asAWhole(counted, open > 0 || !isOver(day)).map(withShadow))
  return open
}

const BATCH = 1000

interface Entry {
  readonly stored: BarDocument | undefined
  readonly judged: Judged
}

function withShadow({ stored, judged }: Entry): {
  readonly judged: Judged
  readonly shadow: ShadowBarDocument
} {
  return { judged, shadow: shadowOf(judged, stored) }
}

/** Counted bars follow one another: where one is in doubt, so are all of the date. */
function asAWhole(entries: readonly Entry[], isOpen: boolean): Entry[] {
  const isProven = !isOpen && entries.every(({ judged: { doubt } }) => doubt === null)
  if (isProven) return [...entries]
  return entries.map(({ stored, judged }) => ({
    stored,
    judged: judged.action === 'keep' ? judged : { ...judged, doubt: judged.doubt ?? NOT_AS_A_WHOLE }
  }))
}

function isOver({ state, date }: Day): boolean {
  return isLetGo(state, date.endMs)
}
