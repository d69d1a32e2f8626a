import { VendorIdDeduplicator, type KnownGap, type PartitionFold } from '@tapedeck/domain'
import {
  loadBars,
  loadBarsWithin,
  loadGaps,
  loadHead,
  loadNamedTrades,
  loadOpenBars,
  type Acquired
} from '@tapedeck/mongo'
import { retriedWrite, type WriterDeps } from './result-writer.ts'

/** What a partition's fold gets back from the store, each as it needs it. */
export class FoldStore {
  readonly #deps: WriterDeps
  readonly #owner: Acquired
  readonly #fold: PartitionFold

  constructor(deps: WriterDeps, owner: Acquired, fold: PartitionFold) {
    this.#deps = deps
    this.#owner = owner
    this.#fold = fold
  }

  /** What must be there before the first record: open bars, feed gaps, ids that may come again. */
  async restore(): Promise<void> {
    const { database } = this.#deps
    const { bars: book, gaps, vendorIds, hasVendorIds, watermark } = this.#fold
    for (const gap of await loadGaps(database, this.#owner.log)) gaps.add(gap)
    book.adopt(await loadOpenBars(database, this.#owner))
    if (!hasVendorIds || watermark.ms === -Infinity) return
    const fromMs = VendorIdDeduplicator.rememberedFromMs(watermark.ms)
    for (const { _id, symbol, vendorId, tradedAt } of await loadNamedTrades(database, fromMs)) {
      vendorIds.remember(symbol, vendorId, _id, tradedAt.getTime())
    }
  }

  /** Puts what is sealed into bars. */
  async mergeBatch(): Promise<void> {
    const { bars: book, activity: counted } = this.#fold
    const { database } = this.#deps
    const ids = book.missing()
    if (ids.length > 0) {
      book.adopt(await this.#retried(() => loadBars(database, this.#owner, ids)))
    }
    book.mergeBatch()
    if (counted.isEmpty) return
    const heads = counted.missing()
    const stored = await this.#retried(() =>
      Promise.all(heads.map((head) => loadHead(database, this.#owner, head)))
    )
    heads.forEach((head, index) => counted.adopt(head, stored[index]))
    counted.mergeBatch()
  }

  /** Takes feed gaps into the bars they overlap; a closed one also into those that left memory. */
  async cover(gaps: readonly KnownGap[]): Promise<void> {
    const { database, config } = this.#deps
    for (const gap of gaps) {
      if (gap.toMs !== Infinity) {
        const { timeframes } = config.fold
        const stored = await this.#retried(() =>
          loadBarsWithin(database, this.#owner, timeframes, gap)
        )
        this.#fold.bars.adopt(stored)
      }
      this.#fold.bars.cover(gap)
    }
  }

  #retried<T>(work: () => Promise<T>): Promise<T> {
    return retriedWrite(this.#deps, work)
  }
}
