import { marketState, tradesRoundTheClock } from '@tapedeck/domain'
import type { FeedStatusDocument, SymbolStanding } from '@tapedeck/mongo'
import { durationText, type SymbolState } from './silence-detector.ts'

/** Why a symbol is not expected to trade. */
export interface SymbolProblem {
  readonly standing: SymbolStanding
  readonly reason: string
  /** When a symbol that the feed rejected is asked for again, epoch ms. */
  readonly againAtMs?: number | undefined
}

/** The state of the feed at a moment; times are epoch ms. */
export interface FeedFacts {
  readonly feed: string
  readonly nowMs: number
  readonly connection: string | null
  readonly connectedMs: number | null
  /** Why it is not connected, and when the next try is; null while it is connected. */
  readonly outage: { readonly cause: string; readonly retryMs: number | null } | null
  /** Why this producer waits for the key, such as who holds it. */
  readonly waitsFor: string | undefined
  readonly lastError: string | null
  readonly lastFrameMs: number | null
  readonly lastTradeMs: number | null
  /** How far trades are ahead of this machine's clock, ms; negative: behind. Undefined while it may be right. */
  readonly clockWrongByMs: number | undefined
  /** Why the broker does not have everything, or the lease is not renewed; sentences. */
  readonly deliveryProblems: readonly string[]
  readonly maxSymbols: number
  readonly queuedFrames: number
  readonly spooledBytes: number
  /** Frames that repeat an earlier one as a whole, and their trades, since the producer was started. */
  readonly copiedFrames: number
  readonly copiedTrades: number
  readonly symbols: readonly SymbolState[]
  /** Symbols that the feed or the vendor's list refuses. */
  readonly problems: ReadonlyMap<string, SymbolProblem>
}

type Row = FeedStatusDocument['symbols'][number]

/** The state of the feed as one document, with one sentence for people and a row for every symbol. */
export function feedStatus(facts: FeedFacts): FeedStatusDocument {
  const symbols = facts.symbols.map((state) => rowOf(state, facts))
  return {
    _id: facts.feed,
    state: stateOf(facts),
    explanation: explain(facts, symbols),
    warnings: [...clockWarnings(facts), ...facts.deliveryProblems],
    lastError: facts.lastError,
    connection: facts.connection,
    connectedAt: dateOf(facts.connectedMs),
    lastFrameAt: dateOf(facts.lastFrameMs),
    lastTradeAt: dateOf(facts.lastTradeMs),
    maxSymbols: facts.maxSymbols,
    queuedFrames: facts.queuedFrames,
    spooledBytes: facts.spooledBytes,
    copiedFrames: facts.copiedFrames,
    copiedTrades: facts.copiedTrades,
    symbols,
    updatedAt: new Date(facts.nowMs)
  }
}

function stateOf({ waitsFor, connectedMs }: FeedFacts): string {
  if (waitsFor !== undefined) return 'waiting for the lease'
  return connectedMs === null ? 'connecting' : 'connected'
}

function rowOf(
  { symbol, standing, lastTradeMs, usualGapMs, reason }: SymbolState,
  facts: FeedFacts
): Row {
  const problem = facts.problems.get(symbol)
  const row = { symbol, lastTradeAt: dateOf(lastTradeMs), usualGapMs }
  // A symbol that trades is not rejected, even if the vendor's list lacks it.
  if (problem === undefined || standing === 'receiving') {
    return { ...row, standing, reason, askedAgainAt: null }
  }
  const { againAtMs } = problem
  const again = againAtMs === undefined ? '' : `; ${againText(againAtMs, facts.nowMs)}`
  return {
    ...row,
    standing: problem.standing,
    reason: `${problem.reason}${again}`,
    askedAgainAt: againAtMs === undefined ? null : new Date(againAtMs)
  }
}

function againText(againAtMs: number, nowMs: number): string {
  return againAtMs > nowMs
    ? `asked for again in ${durationText(againAtMs - nowMs)}`
    : 'asked for again'
}

/** What is wrong with the clock of this machine, in a sentence; none while it may be right. */
export function clockWarnings({
  clockWrongByMs: aheadMs
}: Pick<FeedFacts, 'clockWrongByMs'>): string[] {
  if (aheadMs === undefined) return []
  const text = `the trades of the last minute are ${durationText(Math.abs(aheadMs))}`
  return aheadMs > 0
    ? [`${text} ahead of this machine's clock: set the clock`]
    : [`${text} or more behind this machine's clock: the clock is wrong, or the feed delayed`]
}

/** One sentence: why the feed is silent, or that it is not. */
function explain(facts: FeedFacts, symbols: readonly Row[]): string {
  const { waitsFor, outage, nowMs } = facts
  if (waitsFor !== undefined) return `waiting: ${waitsFor}`
  if (facts.connectedMs === null) {
    if (outage === null) return 'connecting for the first time'
    const again =
      outage.retryMs === null
        ? ''
        : `; again in ${Math.max(0, Math.round((outage.retryMs - nowMs) / 1000))} s`
    return `not connected: ${outage.cause}${again}`
  }
  const receiving = symbols.filter(({ standing }) => standing === 'receiving').length
  if (receiving > 0) {
    return `connected, ${receiving} of ${symbols.length} symbols receiving${troubles(symbols)}`
  }
  const market = marketState(nowMs)
  const expectsTrades =
    market.isTrading || symbols.some(({ symbol }) => tradesRoundTheClock(symbol))
  if (!expectsTrades) return `connected, no trades: US stocks are ${market.text}`
  const isNew = symbols.some(({ standing }) => standing === 'asked for')
  if (isNew) return `connected, no trade yet${troubles(symbols)}`
  return `connected, but only pings: no symbol trades although its market is open (${market.text})${troubles(symbols)}`
}

const MOST_NAMED = 5

function troubles(symbols: readonly Row[]): string {
  return [
    named(symbols, 'quiet, not normal', 'silent beyond the usual'),
    named(symbols, 'over the limit', 'over the plan’s limit'),
    named(symbols, 'rejected', 'not known to the feed')
  ].join('')
}

function named(symbols: readonly Row[], standing: SymbolStanding, words: string): string {
  const names = symbols.filter((row) => row.standing === standing).map(({ symbol }) => symbol)
  if (names.length === 0) return ''
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : ''
  return `; ${words}: ${names.slice(0, MOST_NAMED).join(', ')}${more}`
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms)
}
