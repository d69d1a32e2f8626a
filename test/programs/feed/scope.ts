import type { TestContext } from 'node:test'

/** Stands in for a test's context where there is no test: what was started ends with it. */
export class Scope {
  readonly #closers: (() => unknown)[] = []

  /** For the helpers of test/support: of a context they use `after` and `diagnostic`. */
  get context(): TestContext {
    return {
      after: (close: () => unknown) => void this.#closers.push(close),
      diagnostic: () => undefined
    } as unknown as TestContext
  }

  after(close: () => unknown): void {
    this.#closers.push(close)
  }

  /** Runs the closers, the last one first; a failing one does not keep the others from running. */
  async end(): Promise<void> {
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close()
      } catch (error) {
        process.stderr.write(`closing failed: ${String(error)}\n`)
      }
    }
  }
}
