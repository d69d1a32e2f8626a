import { didYouMean } from '@tapedeck/core'
import { requestProblems, symbolProblems } from '@tapedeck/domain'
import { mergeSymbols } from '@tapedeck/mongo'
import type { Reader } from './database-reader.ts'
import type { RequestProblem } from './query.ts'

/** The result of a change of symbols. */
export type SymbolChange =
  | {
      readonly problems?: undefined
      /** Every symbol wanted now, in the order of subscription. */
      readonly wanted: readonly string[]
      /** The symbols that this request added or removed. */
      readonly changed: readonly string[]
    }
  | { readonly status: 400 | 404 | 409; readonly problems: readonly RequestProblem[] }

export interface SymbolChangeDeps {
  readonly store: Pick<Reader, 'subscriptions' | 'setWanted'>
  /** SYMBOLS. */
  readonly base: readonly string[]
  /** FINNHUB_MAX_SYMBOLS. */
  readonly maxSymbols: number
}

const BY = 'api'

/** Adds all symbols, or none and reports every mistake and every symbol over the plan's limit. */
export async function addSymbols(body: unknown, deps: SymbolChangeDeps): Promise<SymbolChange> {
  const { symbols, problems } = symbolsOf(body)
  if (problems.length > 0) return { status: 400, problems }
  const before = await wantedNow(deps)
  const changed = symbols.filter((symbol) => !before.includes(symbol))
  const wanted = [...before, ...changed]
  const over = wanted.slice(deps.maxSymbols).filter((symbol) => changed.includes(symbol))
  if (over.length > 0) {
    const message =
      `symbols: ${wanted.length} would be followed, expected at most ${deps.maxSymbols} ` +
      `(FINNHUB_MAX_SYMBOLS); over the limit: ${over.join(', ')}`
    return { status: 409, problems: [{ field: 'symbols', message }] }
  }
  await deps.store.setWanted(changed, true, BY)
  return { wanted: await wantedNow(deps), changed }
}

/** Removes one symbol, also one of SYMBOLS. Its stored data stays. */
export async function removeSymbol(symbol: string, deps: SymbolChangeDeps): Promise<SymbolChange> {
  const problems = symbolProblems([symbol], 1).map((text) => problem('symbol', text))
  if (problems.length > 0) return { status: 400, problems }
  const before = await wantedNow(deps)
  if (!before.includes(symbol)) {
    const hint = didYouMean(symbol, before)
    const text = `'${symbol}' is not followed, expected one of ${before.join(', ')}${hint}`
    return { status: 404, problems: [problem('symbol', text)] }
  }
  await deps.store.setWanted([symbol], false, BY)
  return { wanted: await wantedNow(deps), changed: [symbol] }
}

async function wantedNow({ store, base }: SymbolChangeDeps): Promise<readonly string[]> {
  return mergeSymbols(base, await store.subscriptions()).symbols
}

function symbolsOf(body: unknown): {
  readonly symbols: readonly string[]
  readonly problems: readonly RequestProblem[]
} {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return refused(problem('body', 'not an object, expected {"symbols":["TSLA"]}'))
  }
  const { symbols, ...others } = body as Readonly<Record<string, unknown>>
  const unknown = Object.keys(others).map((name) =>
    problem(name, 'not a field of this request, expected symbols')
  )
  if (!Array.isArray(symbols) || symbols.length === 0) {
    return refused(...unknown, problem('symbols', 'no list, expected at least one symbol'))
  }
  const texts = symbols.filter((one): one is string => typeof one === 'string')
  if (texts.length < symbols.length) {
    return refused(...unknown, problem('symbols', 'not all are texts, expected a list of texts'))
  }
  const entries = texts.map((text) => text.trim())
  const mistakes = [
    ...symbolProblems(entries, Number.MAX_SAFE_INTEGER),
    ...requestProblems(entries)
  ]
  return {
    symbols: entries,
    problems: [...unknown, ...mistakes.map((text) => problem('symbols', text))]
  }
}

function refused(...problems: readonly RequestProblem[]): {
  readonly symbols: readonly string[]
  readonly problems: readonly RequestProblem[]
} {
  return { symbols: [], problems }
}

function problem(field: string, text: string): RequestProblem {
  return { field, message: `${field}: ${text}` }
}
