import { eligibilityText, type BarFields, type ConditionPolicy } from '@tapedeck/domain'
import type { Clock } from '@tapedeck/core'
import type { TapePosition, TapeTrade } from '@tapedeck/mongo'
import { BarAccount, type BarSummary } from './bar-account.ts'
import { policyOf, verdictOf } from './bar-verdict.ts'
import { windowOf, type BarWindow } from './bar-window.ts'
import type { Reader } from './database-reader.ts'
import type { LoadCache } from './load-cache.ts'
import { positionText } from './query.ts'
import { refusal } from './replies.ts'
import { barRow, tradeRow } from './rows.ts'

export interface BarTradesQuery {
  readonly id: string
  readonly limit: number
  readonly after: TapePosition | undefined
}

/** Enough for a bar of ordinary size on a busy machine, and short enough for a person who waits. */
const COUNT_FOR_MS = 10_000

/**
 * Explains a bar: a page of its window's trades, each with what it did to the bar or why it is excluded.
 * The counts and the check cover all trades of the window, or say that they do not.
 *
 * @throws what sendFailure answers with 404 when there is no such bar
 */
export async function barTrades(
  reader: Reader,
  summaries: LoadCache<BarSummary>,
  { id, limit, after }: BarTradesQuery,
  clock: Clock
): Promise<object> {
  const bar = await reader.bar(id)
  if (bar === undefined) {
    throw refusal(404, 'id', `no bar '${id}' is stored, expected an id as /api/v1/bars answers it`)
  }
  const window = await windowOf(bar, reader)
  const counted = summaries.get(versionOf(bar), () => summaryOf(reader, bar, window, clock))
  const [summary, page] = await Promise.all([
    counted.value,
    pageOf(reader, { ...window, ...(after !== undefined && { after }) }, limit)
  ])
  const { counts, check } = summary
  const policy = policyOf(bar)
  const last = page.rows.at(-1)
  return {
    bar: barRow(bar),
    window: { from: window.fromMs, to: window.toMs, text: window.text },
    summary: counts,
    check,
    trades: page.rows.map((one) => barTradeRow(one, policy, summary)),
    next: page.isLast || last === undefined ? null : positionText(last.print.tMs, last.trade._id)
  }
}

/** Counts trades in tape order until COUNT_FOR_MS is over. */
async function summaryOf(
  reader: Reader,
  bar: BarFields,
  window: BarWindow,
  clock: Clock
): Promise<BarSummary> {
  const account = new BarAccount(bar)
  const endMs = clock.now() + COUNT_FOR_MS
  let isComplete = true
  await reader.tape({ ...window, isForCounting: true }, (one) => {
    isComplete = clock.now() < endMs
    if (isComplete && window.holds(one)) account.take(one)
    return isComplete
  })
  return account.summary(isComplete)
}

async function pageOf(
  reader: Reader,
  window: BarWindow,
  limit: number
): Promise<{ readonly rows: readonly TapeTrade[]; readonly isLast: boolean }> {
  const rows: TapeTrade[] = []
  let isLast = true
  await reader.tape(window, (one) => {
    if (!window.holds(one)) return true
    isLast = rows.length < limit
    if (isLast) rows.push(one)
    return isLast
  })
  return { rows, isLast }
}

function barTradeRow(one: TapeTrade, policy: ConditionPolicy, { rolesOf }: BarSummary) {
  const { leftOut, eligibility, rules } = verdictOf(one, policy)
  const isIn = leftOut === null
  return {
    ...tradeRow(one.trade),
    isIn,
    counts: isIn ? eligibilityText(eligibility) : 'nothing',
    roles: isIn ? rolesOf(one.print) : [],
    rules,
    reason: leftOut,
    byMs: one.exclusion?.byMs ?? null
  }
}

/** Identifies the content of a bar: equal until the bar changes. */
function versionOf(bar: BarFields): string {
  const { _id, status, revision, tradeCount, lateCount, volume, notional, close } = bar
  return JSON.stringify([_id, status, revision, tradeCount, lateCount, volume, notional, close])
}
