/**
 * When each symbol was last followed: null, it is now; else the receive time of the last frame while
 * it was, epoch ms. One that never was is not in it.
 */
export type Followed = ReadonlyMap<string, number | null>

/** Given-up symbols that are remembered; of the one given up longest ago nothing is known then. */
const MOST_GIVEN_UP = 2000

/** The symbols wanted, and which of them are followed since when; pure. */
export class FollowedSymbols {
  #wanted: readonly string[] = []
  readonly #until = new Map<string, number | null>()
  /** Wanted, but not followed yet: looked at with every frame, so kept ready. */
  #joining: readonly string[] = []

  get wanted(): readonly string[] {
    return this.#wanted
  }

  get isJoining(): boolean {
    return this.#joining.length > 0
  }

  /** As it stands now, to be kept. */
  snapshot(): Followed {
    return new Map(this.#until)
  }

  /** Goes on from an earlier life, as if the list had changed while running. */
  restore(followed: Followed, lastFrameMs: number): void {
    this.#until.clear()
    for (const [symbol, untilMs] of followed) this.#until.set(symbol, untilMs)
    this.want(this.#wanted, lastFrameMs)
  }

  /** @param lastFrameMs until when those were followed that are wanted no longer; null: none was */
  want(symbols: readonly string[], lastFrameMs: number | null): void {
    this.#wanted = symbols
    if (lastFrameMs !== null) this.#giveUp(new Set(symbols), lastFrameMs)
    this.#joining = symbols.filter((symbol) => this.#until.get(symbol) !== null)
  }

  /** All that is wanted is followed from now on; answers those that were not, by when they last were. */
  join(): ReadonlyMap<number | null, readonly string[]> {
    const joined = Map.groupBy(this.#joining, (symbol) => this.#until.get(symbol) ?? null)
    for (const symbol of this.#joining) this.#until.set(symbol, null)
    this.#joining = []
    return joined
  }

  #giveUp(wanted: ReadonlySet<string>, lastFrameMs: number): void {
    for (const [symbol, untilMs] of this.#until) {
      if (untilMs !== null || wanted.has(symbol)) continue
      // To the end of the map, which is in the order of giving up; met there again, it is passed over.
      this.#until.delete(symbol)
      this.#until.set(symbol, lastFrameMs)
    }
    const givenUp = [...this.#until].filter(([, untilMs]) => untilMs !== null)
    for (const [symbol] of givenUp.slice(0, -MOST_GIVEN_UP)) this.#until.delete(symbol)
  }
}

/** The symbols followed at present. */
export function present(followed: Followed): string[] {
  return [...followed].filter(([, untilMs]) => untilMs === null).map(([symbol]) => symbol)
}
