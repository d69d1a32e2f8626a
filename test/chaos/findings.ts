const MOST_SHOWN = 8

/** What is wrong, in words; counts all, and keeps the first ones of each kind. */
export class Findings {
  readonly #shown = new Map<string, string[]>()
  #count = 0

  /** @param kind what a finding must not crowd out: `trade`, `bar 1s` */
  add(kind: string, finding: string): void {
    this.#count++
    const shown = this.#shown.get(kind) ?? []
    this.#shown.set(kind, shown)
    if (shown.length < MOST_SHOWN) shown.push(finding)
  }

  get count(): number {
    return this.#count
  }

  get shown(): readonly string[] {
    return [...this.#shown.values()].flat()
  }
}
