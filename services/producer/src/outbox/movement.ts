/** Lets several wait until something moved, each no longer than it wants to. */
export class Movement {
  #next = Promise.withResolvers<void>()

  tell(): void {
    const { resolve } = this.#next
    this.#next = Promise.withResolvers<void>()
    resolve()
  }

  /** Resolves at the next `tell`, or after `limitMs`. */
  async wait(limitMs: number): Promise<void> {
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, limitMs)
    try {
      await Promise.race([this.#next.promise, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }
}
