import { seededRandom } from '@tapedeck/core'

/** Random choices that a seed repeats. */
export class Random {
  /** From 0 inclusive to 1 exclusive. */
  readonly next: () => number

  constructor(seed: number) {
    this.next = seededRandom(seed)
  }

  between(from: number, to: number): number {
    return from + (to - from) * this.next()
  }

  /** The same items in any order, each order equally likely. */
  shuffled<T>(items: readonly T[]): T[] {
    const keyed = items.map((item) => ({ item, key: this.next() }))
    return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item)
  }
}
