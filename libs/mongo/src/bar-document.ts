import {
  BAR_FIELDS,
  finalAt,
  objectMaker,
  STORED_BAR,
  type ActivitySpan,
  type Bar,
  type BarContext,
  type BarFieldKind,
  type ExactParts,
  type StoredActivityBar,
  type StoredBar,
  type StoredSum,
  type TapePlace
} from '@tapedeck/domain'
import { versionsAfter, type VersionedBar } from './bar-versions.ts'
import type { Has } from './collection.ts'
import { orEmpty, orNull, shapeOf, type Shape, type ValueKind } from './shape.ts'
import { storeDocuments, type Owner, type Ownership, type Source, type Writes } from './guard.ts'

/** A bar, replaced whole under the guard; BAR_FIELDS of libs/domain describes each field. */
export interface BarDocument extends VersionedBar {
  readonly source: Source
  /** The exact sums and order keys from which the bar is restored; see StoredExact. */
  readonly exact: unknown
}

/** The `exact` of a document: what the consumer needs to restore the bar. */
interface StoredExact extends ExactParts {
  readonly lateVolume?: StoredSum
  readonly gaps?: readonly (readonly [id: string, fromMs: number, toMs: number])[]
  /** Activity bars: the places of their first and last trade. */
  readonly from?: TapePlace
  readonly through?: TapePlace
}

const SHAPE_OF_KIND: Readonly<Record<BarFieldKind, ValueKind>> = {
  text: 'text',
  texts: 'texts',
  time: 'date',
  price: 'number',
  amount: 'number',
  ratio: 'number',
  count: 'whole',
  flag: 'flag',
  'bar status': barStatus
}

function barStatus(value: unknown): string | undefined {
  const isKnown = value === 'provisional' || value === 'final' || value === 'revised'
  return isKnown ? undefined : `is another, expected provisional, final or revised`
}

/** What a reader of bars relies on. */
export const BAR_SHAPE: Shape = Object.entries(BAR_FIELDS).flatMap(([name, field]): Shape => {
  const { origin, kind, isNullable } = { isNullable: false, ...field }
  if (origin === 'derived') return []
  const is = name === 'timeframe' || name === 'policy' ? name : SHAPE_OF_KIND[kind]
  if (kind === 'texts') return [[name, orEmpty('texts')]]
  return [[name, isNullable ? orNull(is) : is]]
})

/** What the consumer relies on in addition. */
export const STORED_BAR_SHAPE: Shape = [
  ...BAR_SHAPE,
  ...shapeOf({
    source: (value) => partProblem(value, { log: 'string', epoch: 'number', offset: 'number' }),
    exact: (value) =>
      partProblem(value, { priceCount: 'number' }) ??
      (Array.isArray((value as Partial<StoredExact>).sums)
        ? undefined
        : 'has no sums, expected those of a bar')
  })
]

function partProblem(
  value: unknown,
  parts: Readonly<Record<string, 'string' | 'number'>>
): string | undefined {
  const fields = Object.entries(parts)
  const found = (value ?? {}) as Readonly<Record<string, unknown>>
  const wrong = fields.find(([name, type]) => typeof found[name] !== type)
  return wrong && `has no ${wrong[0]}, expected a ${wrong[1]}`
}

/** A bar as the consumer restores it. The offset is 0 for a document of another or an older log. */
export function storedBarOf(document: BarDocument, { log, logEpoch }: Ownership): StoredBar {
  const { source, symbol, timeframe } = document
  const { gaps = [], lateVolume = 0, ...exact } = document.exact as StoredExact
  const endMs = document.end.getTime()
  return {
    id: document._id,
    symbol,
    timeframe,
    startMs: document.start.getTime(),
    endMs,
    finalAtMs: finalAt(timeframe, symbol, endMs),
    status: document.status,
    revision: document.revision,
    revisionCause: document.revisionCause,
    lateCount: document.lateCount,
    lateVolume,
    gaps: gaps.map(([id, fromMs, toMs]) => ({ id, fromMs, toMs })),
    offset: source.log === log && source.epoch >= logEpoch ? source.offset : 0,
    accumulator: {
      ...exact,
      high: document.high,
      low: document.low,
      tradeCount: document.tradeCount,
      firstTradeMs: document.firstTradeAt.getTime(),
      lastTradeMs: document.lastTradeAt.getTime(),
      session: document.session,
      feed: document.feed
    }
  }
}

const NOWHERE: TapePlace = [-1, -1]

/** An activity bar as the consumer restores it. */
export function storedActivityBarOf(document: BarDocument, owner: Ownership): StoredActivityBar {
  const { from = NOWHERE, through = NOWHERE } = document.exact as StoredExact
  const bar = storedBarOf(document, owner)
  return { ...bar, id: document._id, tradeDate: document.tradeDate, from, through }
}

interface DocumentContext extends BarContext {
  readonly updatedAt: Date
  /** Activity bars: the places of their first and last trade. */
  readonly span?: Pick<ActivitySpan, 'from' | 'through'>
}

const makeDocument = objectMaker<[Bar, DocumentContext, Owner], BarDocument>({
  ...STORED_BAR,
  updatedAt: (_bar, { updatedAt }) => updatedAt,
  source: ({ offset }, _context, { log, epoch }) => ({ log, epoch, offset }),
  exact: exactOf
})

/** A bar as it is stored. */
export function barDocument(bar: Bar, owner: Owner, context: DocumentContext): BarDocument {
  return makeDocument(bar, context, owner)
}

function exactOf({ accumulator, gaps, lateVolume }: Bar, { span }: DocumentContext): StoredExact {
  const late = lateVolume.toStored()
  return {
    ...accumulator.exactParts(),
    ...(late !== 0 && { lateVolume: late }),
    ...(gaps.length > 0 && {
      gaps: gaps.map(({ id, fromMs, toMs }): [string, number, number] => [id, fromMs, toMs])
    }),
    ...(span !== undefined && { from: span.from, through: span.through })
  }
}

/** What never changes for the `_id` of a bar, and may shard the collection. */
const BAR_SHARD_KEY = ['symbol', 'timeframe', 'start'] as const

/** Stores bars under the guard. Returns how many stored bars were newer and stayed. */
export function storeBars(
  { bars }: Has<'bars', BarDocument>,
  owner: Owner,
  writes: Writes<BarDocument>
): Promise<number> {
  const isRevised = (bar: BarDocument): boolean => bar.status === 'revised'
  return storeDocuments(
    bars,
    owner,
    {
      // One that is revised already when it is first stored was never final before.
      fresh: writes.fresh.map((bar) => (isRevised(bar) ? { ...bar, versions: [] } : bar)),
      changed: writes.changed
    },
    {
      shardKey: BAR_SHARD_KEY,
      derive: (bar) => {
        const versions = versionsAfter(bar)
        return versions && { versions }
      }
    }
  )
}
