import { ExactSum } from './exact-sum.ts'
import type { LateAmount } from './bar.ts'
import type { Session } from './sessions.ts'
import type { SymbolBars } from './symbol-bars.ts'
import { BarAccumulator, type BarTrade } from './tally.ts'
import { PANE_MS } from './timeframe.ts'

/** What a record brought after the watermark had passed this pane. */
interface LatePart {
  readonly offset: number
  readonly watermarkMs: number
  trades: number
  readonly volume: ExactSum
}

/** One second of one symbol in one session, folded once; then merged into the bars around it. */
export class Pane {
  /** Where the bars are that it is merged into. */
  readonly owner: SymbolBars
  readonly startMs: number
  readonly session: Session
  readonly accumulator = new BarAccumulator()
  #late: LatePart[] | undefined

  constructor(owner: SymbolBars, startMs: number, session: Session) {
    this.owner = owner
    this.startMs = startMs
    this.session = session
  }

  /** Folds a trade of the record at `offset`; the watermark is that before the record. */
  add(trade: BarTrade, offset: number, watermarkMs: number): void {
    this.accumulator.add(trade)
    if (watermarkMs < this.startMs + PANE_MS) return
    this.#late ??= []
    let part = this.#late.at(-1)
    if (part?.offset !== offset) {
      part = { offset, watermarkMs, trades: 0, volume: new ExactSum() }
      this.#late.push(part)
    }
    part.trades++
    part.volume.add(trade.size)
  }

  /** What came after the watermark had reached `settlesMs`; undefined when nothing did. */
  lateFor(settlesMs: number): LateAmount | undefined {
    if (this.#late === undefined) return undefined
    const parts = this.#late.filter(({ watermarkMs }) => watermarkMs >= settlesMs)
    if (parts.length === 0) return undefined
    const volume = new ExactSum()
    for (const part of parts) volume.merge(part.volume)
    return {
      offsets: parts.map(({ offset }) => offset),
      trades: parts.reduce((sum, { trades }) => sum + trades, 0),
      volume
    }
  }

  /** All of it, for a bar that the clock made final before a crash forgot the watermark. */
  whole(): LateAmount {
    return {
      offsets: [-1],
      trades: this.accumulator.tradeCount,
      volume: this.accumulator.exactVolume
    }
  }
}
