import { editsBetween, messageOf } from '@tapedeck/core'
import type { FinnhubRest } from './rest-client.ts'

/** The symbols that are not in Finnhub's list, or why the list could not be read. */
type SymbolCheck =
  | { readonly isChecked: true; readonly unknown: readonly UnknownSymbol[] }
  | { readonly isChecked: false; readonly reason: string }

interface UnknownSymbol {
  readonly symbol: string
  readonly hints: readonly string[]
  /** One sentence with the symbols that were likely meant. */
  readonly reason: string
}

const CHECK_LIMIT_MS = 30_000
const HINTS = 3

/**
 * Looks bare US symbols up in Finnhub's list, because the feed is silent about a symbol that it does
 * not know.
 *
 * Never throws and ends within `limitMs`: the list reveals typing errors, it must not prevent a start.
 * Symbols of other markets (AAPL.SW, BINANCE:BTCUSDT) and share classes (BRK.B) are not checked.
 */
export async function checkSymbols(
  client: Pick<FinnhubRest, 'usSymbols'>,
  symbols: readonly string[],
  { limitMs = CHECK_LIMIT_MS, signal }: { limitMs?: number; signal?: AbortSignal } = {}
): Promise<SymbolCheck> {
  const bare = symbols.filter(isBareUsSymbol)
  if (bare.length === 0) return { isChecked: true, unknown: [] }
  const timeout = AbortSignal.timeout(limitMs)
  try {
    const either = signal === undefined ? timeout : AbortSignal.any([timeout, signal])
    const known = await client.usSymbols(either)
    if (known.length === 0) return notChecked("Finnhub's list is empty")
    const listed = new Set(known)
    const unknown = bare.filter((symbol) => !listed.has(symbol))
    return { isChecked: true, unknown: unknown.map((symbol) => describe(symbol, known)) }
  } catch (error) {
    const reason = timeout.aborted ? `no answer within ${limitMs} ms` : messageOf(error)
    return notChecked(reason)
  }
}

/** The known symbols that were most likely meant, the nearest first; three at most. */
export function symbolHints(unknown: string, known: readonly string[]): readonly string[] {
  const wanted = unknown.toUpperCase()
  const most = wanted.length <= 3 ? 1 : 2
  return known
    .filter((symbol) => Math.abs(symbol.length - wanted.length) <= most)
    .map((symbol) => ({ symbol, cost: costOf(wanted, symbol.toUpperCase()) }))
    .filter(({ cost }) => cost <= most)
    .toSorted((a, b) => a.cost - b.cost || (a.symbol < b.symbol ? -1 : 1))
    .slice(0, HINTS)
    .map(({ symbol }) => symbol)
}

/** Edit distance, half an edit less for the same letters in another order, half more for another length. */
function costOf(wanted: string, symbol: string): number {
  const isShuffled = sorted(wanted) === sorted(symbol)
  const isOtherLength = wanted.length !== symbol.length
  return editsBetween(wanted, symbol) - (isShuffled ? 0.5 : 0) + (isOtherLength ? 0.5 : 0)
}

function sorted(text: string): string {
  return text.split('').toSorted().join('')
}

function isBareUsSymbol(symbol: string): boolean {
  return /^[A-Za-z0-9]+$/.test(symbol)
}

function describe(symbol: string, known: readonly string[]): UnknownSymbol {
  const hints = symbolHints(symbol, known)
  const meant = hints.length === 0 ? '' : `; did you mean ${hints.join(' or ')}?`
  return { symbol, hints, reason: `not in Finnhub's list of US symbols${meant}` }
}

function notChecked(reason: string): SymbolCheck {
  return { isChecked: false, reason: `symbols were not checked: ${reason}` }
}
