import { createLogger, type Logger } from '@tapedeck/service'
import type { Database, FeedGapDocument } from '@tapedeck/mongo'
import type { SimulatorStats } from '@tapedeck/simulator/testing'

/** Everything observed of a scenario, from the simulator to the database. */
export interface Observation {
  readonly simulator: SimulatorStats
  /** By kind. */
  readonly frames: Readonly<Record<string, number>>
  /** Trades that the producer accepted as valid. */
  readonly received: number
  /** Trades and frames that it refused, by reason. */
  readonly refused: Readonly<Record<string, number>>
  /** Frames that it recognised as copies of earlier ones, by what it did with them. */
  readonly copies: Readonly<Record<string, number>>
  /** Trades of copies that it dropped. */
  readonly dropped: number
  readonly publishedRecords: number
  readonly disconnections: number
  /** Why it lost or did not get its connections, from its log. */
  readonly causes: readonly string[]
  /** Error texts of the feed. */
  readonly feedErrors: readonly string[]
  /** The code with which the producer failed. */
  readonly failure: string | undefined
  /** Trade documents. */
  readonly stored: number
  /** Of them, those kept out of every bar, by reason. */
  readonly excluded: Readonly<Record<string, number>>
  /** Condition codes that the consumer did not know. */
  readonly unknownCodes: Readonly<Record<string, number>>
  /** Bars whose price is not above 0; must be none. */
  readonly badBars: number
  readonly gaps: readonly FeedGapDocument[]
  /** Symbols by their standing in `feed_status`. */
  readonly standings: Readonly<Record<string, readonly string[]>>
}

/** A metric's values by one of its labels; without labels under the empty text. */
export function valuesOf(metrics: string, name: string): Record<string, number> {
  const values: Record<string, number> = {}
  for (const [, label = '', value] of metrics.matchAll(
    new RegExp(`^tapedeck_${name}(?:\\{[a-z_]+="([^"]*)"\\})? (\\S+)$`, 'gm')
  )) {
    values[label] = Number(value)
  }
  return values
}

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error' | 'fatal'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Lines kept of a service; the oldest are forgotten. */
const CAPACITY = 1000

/** A service's log that is kept and not written. */
export function recordedLog(service: string): { log: Logger; lines: readonly LogLine[] } {
  const lines: LogLine[] = []
  const log = createLogger(service, 'silent')
  for (const level of ['info', 'warn', 'error', 'fatal'] as const) {
    log[level] = (fields?: unknown, message?: unknown): void => {
      if (lines.length >= CAPACITY) lines.shift()
      if (typeof fields === 'string') lines.push({ level, message: fields, fields: {} })
      else {
        lines.push({
          level,
          message: typeof message === 'string' ? message : '',
          fields: typeof fields === 'object' && fields !== null ? { ...fields } : {}
        })
      }
    }
  }
  return { log, lines }
}

export function causesIn(lines: readonly LogLine[]): string[] {
  return lines
    .filter(({ message }) => message === 'feed disconnected')
    .map(({ fields }) => String(fields['cause']))
}

export function feedErrorsIn(lines: readonly LogLine[]): string[] {
  const texts = lines.flatMap(({ message, fields }) => {
    if (message === 'error from the feed') return [String(fields['message'])]
    return typeof fields['reason'] === 'string' && 'standing' in fields ? [fields['reason']] : []
  })
  return [...new Set(texts)]
}

/** The contents of the database. */
export async function storedIn(
  database: Database
): Promise<Pick<Observation, 'stored' | 'excluded' | 'badBars' | 'gaps' | 'standings'>> {
  const [stored, late, badBars, gaps, status] = await Promise.all([
    database.trades.countDocuments(),
    database.lateTrades.find({}, { projection: { reason: 1 } }).toArray(),
    database.bars.countDocuments({ low: { $ne: null, $not: { $gt: 0 } } }),
    // Without the time before the first frame, of which nothing is known.
    database.feedGaps
      .find({ from: { $ne: null } })
      .sort({ from: 1 })
      .toArray(),
    database.feedStatus.findOne()
  ])
  const excluded: Record<string, number> = {}
  for (const { reason } of late) excluded[reason] = (excluded[reason] ?? 0) + 1
  const standings: Record<string, string[]> = {}
  for (const { symbol, standing } of status?.symbols ?? []) {
    const symbols = standings[standing] ?? []
    symbols.push(symbol)
    standings[standing] = symbols
  }
  // Trades from the future are in late_trades only.
  return { stored: stored + (excluded['from the future'] ?? 0), excluded, badBars, gaps, standings }
}
