/**
 * A feed outage as it stands in-band on every partition of `raw_data`, so that it comes in order with
 * the trades around it. An open one (toMs null) is published when the feed falls silent by its own or
 * our doing; the same gap again, closed, with the first frame after the subscriptions stand.
 */
export interface GapRecord {
  readonly version: 1
  readonly kind: 'gap'
  /** Names the gap; the same for its open and closed record on every partition. */
  readonly id: string
  readonly feed: string
  /** Receive time of the last frame before, epoch ms; null when there was none. */
  readonly fromMs: number | null
  /** Receive time of the first frame after; null while the gap is open. */
  readonly toMs: number | null
  readonly cause: string
  /** The symbols concerned; empty means all of the feed. */
  readonly symbols: readonly string[]
  /** When the producer published it, epoch ms. */
  readonly at: number
  /** Only this partition (`<topic>/<partition>`) lacks something; undefined: the feed itself. */
  readonly log?: string
}

/** The key of every gap record: no symbol has a blank in front. */
export const GAP_KEY = ' gap'

/** Why a parsed JSON value is no GapRecord, or undefined when it is one. */
export function gapProblem(value: unknown, key: string | undefined): string | undefined {
  if (typeof value !== 'object' || value === null) return 'value is not an object'
  const gap = value as Partial<Record<keyof GapRecord, unknown>>
  if (gap.version !== 1 || gap.kind !== 'gap') return 'not a gap of version 1'
  if (key !== GAP_KEY) return 'key is not that of a gap'
  if (typeof gap.id !== 'string' || gap.id === '') return 'id is missing'
  if (typeof gap.feed !== 'string' || gap.feed === '') return 'feed is missing'
  if (!isTime(gap.fromMs) || !isTime(gap.toMs)) return 'from or to is not epoch ms'
  if (typeof gap.cause !== 'string') return 'cause is missing'
  if (!Array.isArray(gap.symbols) || gap.symbols.some((symbol) => typeof symbol !== 'string')) {
    return 'symbols are not a list of texts'
  }
  return Number.isSafeInteger(gap.at) ? undefined : 'at is not epoch ms'
}

function isTime(value: unknown): boolean {
  return value === null || Number.isSafeInteger(value)
}
