const MOST_SHOWN = 8

/** Findings in words: counts all and keeps the first few of each kind. */
export class Findings {
  readonly #shown = new Map<string, string[]>()
  readonly #counts = new Map<string, number>()
  #count = 0

  /** @param kind each kind keeps its own findings: `trade`, `bar 1s` */
  add(kind: string, finding: string): void {
    this.#count++
    this.#counts.set(kind, this.countOf(kind) + 1)
    const shown = this.#shown.get(kind) ?? []
    this.#shown.set(kind, shown)
    if (shown.length < MOST_SHOWN) shown.push(finding)
  }

  get count(): number {
    return this.#count
  }

  countOf(kind: string): number {
    return this.#counts.get(kind) ?? 0
  }

  get shown(): readonly string[] {
    return [...this.#shown.values()].flat()
  }
}
