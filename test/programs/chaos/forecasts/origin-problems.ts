import { tradingDateAt } from '@tapedeck/domain'
import type { ForecastDocument } from '@tapedeck/mongo'
import { differences } from './outcome-problems.ts'
import { isFinal, isTargetInSession, statusOf, type SeriesFacts } from './series-facts.ts'
import { closeAt } from './truth-bars.ts'

/** What is wrong with what an entry says of the bar it was made from, its target and when it was made. */
export function originProblems(entry: ForecastDocument, facts: SeriesFacts): string[] {
  const { symbol, spec, lengthMs, log } = facts
  const madeFromMs = entry.madeFrom.getTime()
  const targetMs = madeFromMs + spec.horizon * lengthMs
  const place = facts.places.get(madeFromMs)
  const bar = place === undefined ? undefined : facts.bars[place]
  const id = `${symbol}|${spec.timeframe}|${targetMs}|${spec.horizon}|${entry.model}`
  const problems = differences(entry, {
    _id: id,
    lookback: spec.lookback,
    naive: entry.lastClose,
    tradeDate: tradingDateAt(symbol, targetMs).tradeDate
  })
  if (entry.target.getTime() !== targetMs || entry.targetEnd.getTime() !== targetMs + lengthMs) {
    problems.push(`its target is not ${spec.horizon} bars after ${entry.madeFrom.toISOString()}`)
  }
  if (bar === undefined) return [...problems, 'no bar stands where it was made from']
  if (!isFinal(bar.stored)) {
    problems.push(`was made from a bar that is ${statusOf(bar.stored)}`)
  }
  const { madeAtOffset, source, createdAt, lastClose } = entry
  // Whatever came later than the offset it names, the close below it is what it was made from.
  const close = closeAt(bar, madeAtOffset)
  if (close === undefined) problems.push(`no trade of its bar lies below offset ${madeAtOffset}`)
  else if (close !== lastClose) problems.push(`lastClose ${lastClose}, expected ${close}`)
  if (source.log !== log) problems.push(`source ${source.log}, expected ${log}`)
  if (madeAtOffset > source.offset || source.offset > facts.nextOffset) {
    problems.push(
      `made at offset ${madeAtOffset}, written at ${source.offset}, all is stored to ${facts.nextOffset}`
    )
  }
  const knownMs = bar.trades.reduce(
    (newest, { offset, receivedAt }) =>
      offset < madeAtOffset ? Math.max(newest, receivedAt) : newest,
    -Infinity
  )
  if (createdAt.getTime() < knownMs) {
    problems.push(
      `created at ${createdAt.toISOString()}, made from a trade received at ${new Date(knownMs).toISOString()}`
    )
  }
  problems.push(...timingProblems(entry))
  const isSessionSure = bar.session !== 'mixed' || (bar.stored?.lateCount ?? 0) === 0
  if (isSessionSure && !isTargetInSession(facts, bar)) {
    problems.push('its target lies beyond the session')
  }
  return problems
}

/** What `timing` says otherwise than `createdAt`; how long `prompt` lasts is the consumer's to know. */
function timingProblems({
  timing,
  createdAt,
  target,
  targetEnd,
  horizon
}: ForecastDocument): string[] {
  const isBefore = createdAt < target
  const isDuring = !isBefore && createdAt < targetEnd
  const isRight = {
    before: isBefore,
    prompt: isDuring && horizon === 1,
    during: isDuring,
    after: createdAt >= targetEnd,
    replayed: !isBefore
  }
  return timing !== undefined && isRight[timing]
    ? []
    : [`timing is ${timing}, it was created at ${createdAt.toISOString()}`]
}
