/** Events that were read and are still to be sent, with the point from which a client resumes that has not got them. */
export class UnsentEvents<T> {
  readonly #pointNow: () => string
  #events: T[] = []
  /** As of before the first of them was read. */
  #point = ''

  /** @param pointNow after everything that was read; an event is added before it counts as read */
  constructor(pointNow: () => string) {
    this.#pointNow = pointNow
  }

  /** From where a client that was sent all before these can resume. */
  get resume(): string {
    return this.#events.length === 0 ? this.#pointNow() : this.#point
  }

  add(events: readonly T[]): void {
    if (this.#events.length === 0) this.#point = this.#pointNow()
    this.#events.push(...events)
  }

  /** Hands them over to be sent. */
  take(): readonly T[] {
    const events = this.#events
    this.#events = []
    return events
  }
}
