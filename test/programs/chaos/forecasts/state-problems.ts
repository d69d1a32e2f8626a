import { isDeepStrictEqual } from 'node:util'
import { UNCOUNTED_TIMINGS } from '@tapedeck/domain'
import type {
  ForecastDocument,
  ForecastEventDocument,
  ForecastSeriesDocument
} from '@tapedeck/mongo'
import type { DetectorEnd } from './detector-path.ts'
import { isFinal, type SeriesFacts } from './series-facts.ts'

/** Where the state from which a series goes on disagrees with its bars and entries. */
export function stateProblems(
  stored: ForecastSeriesDocument | null,
  entries: readonly ForecastDocument[],
  events: readonly ForecastEventDocument[],
  ends: ReadonlyMap<string, DetectorEnd | undefined>,
  facts: SeriesFacts
): string[] {
  const newest = facts.bars.findLast(({ stored: bar }) => isFinal(bar))
  if (stored === null) {
    return newest === undefined && entries.length === 0 ? [] : ['has final bars and no state']
  }
  const { state, source } = stored
  const problems: string[] = []
  const expect = (what: string, found: unknown, expected: unknown): void => {
    if (isDeepStrictEqual(found, expected)) return
    problems.push(`${what} ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`)
  }
  expect('throughMs', state.throughMs, newest?.startMs ?? null)
  expect('lookback', state.lookback, facts.spec.lookback)
  expect('source.log', source.log, facts.log)
  if (source.offset > facts.nextOffset) {
    problems.push(`written at offset ${source.offset}, all is stored to ${facts.nextOffset}`)
  }
  for (const [startMs, close] of state.ring) {
    const place = facts.places.get(startMs)
    const bar = place === undefined ? undefined : facts.bars[place]?.stored
    expect(`the close in use of ${new Date(startMs).toISOString()}`, close, bar?.close)
  }
  const rewrites = entries.flatMap(({ corrections }) => corrections.map(({ rewrite }) => rewrite))
  const most = rewrites.reduce((a, b) => Math.max(a, b), 0)
  if (state.rewrites < most) problems.push(`rewrites ${state.rewrites}, entries know of ${most}`)
  for (const { model, version, detector, board } of state.models) {
    const scored = entries.filter(
      ({ model: of, status, timing }) =>
        of === model &&
        status === 'scored' &&
        !UNCOUNTED_TIMINGS.some((uncounted) => uncounted === timing)
    )
    const today = scored.filter(({ tradeDate }) => tradeDate === board.tradeDate)
    expect(`${model} counts`, board.total[0], scored.length)
    expect(`${model} counts of ${board.tradeDate}`, board.day[0], today.length)
    expect(
      `${model} change points`,
      events.filter((event) => event.model === model).length,
      version - 1
    )
    const end = ends.get(model)
    if (end === undefined) continue
    expect(`${model} version`, version, end.version)
    expect(`${model} change detector`, detector, end.detector)
  }
  return problems
}
