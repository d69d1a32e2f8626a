/** How long what a trouble has caused may last longer than the trouble itself, ms. */
const RECOVERY_MS = 15_000

/**
 * What is wrong with that on which all services depend: a server, the simulator, the disk. The services complain of
 * it too, each in its own words; the terminal names the trouble alone.
 */
export class Troubles {
  readonly #open = new Set<string>()
  readonly #recoveryMs: number
  #endedMs = -Infinity

  constructor(recoveryMs = RECOVERY_MS) {
    this.#recoveryMs = recoveryMs
  }

  begin(name: string): void {
    this.#open.add(name)
  }

  end(name: string): void {
    if (this.#open.delete(name)) this.#endedMs = performance.now()
  }

  isOpen(name: string): boolean {
    return this.#open.has(name)
  }

  /** Whether a trouble is open, or ended so lately that what depends on it may not have recovered. */
  explain(): boolean {
    return this.#open.size > 0 || performance.now() - this.#endedMs < this.#recoveryMs
  }
}

/** The trouble of a full disk. */
export const DISK = 'the disk'
