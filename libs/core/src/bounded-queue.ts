import { assert, TapedeckError } from './errors.ts'

/**
 * A first-in, first-out queue between an event handler, which must not wait, and a loop, which may.
 *
 * `offer` never blocks: it returns false when the queue is full, and the caller applies its policy.
 * `take` waits for an item; after `close` it drains the queue and then returns undefined.
 */
export class BoundedQueue<T> {
  readonly capacity: number
  #items: T[] = []
  #head = 0
  #closed = false
  #taker: { resolve: (item: T | undefined) => void } | undefined

  constructor(capacity: number) {
    assert(capacity > 0, `queue capacity must be positive, found ${capacity}`)
    this.capacity = capacity
  }

  get size(): number {
    return this.#items.length - this.#head
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Adds an item; false when the queue is full. @throws QUEUE_CLOSED after `close` */
  offer(item: T): boolean {
    if (this.#closed) throw new TapedeckError('QUEUE_CLOSED', 'Cannot add to a closed queue')
    if (this.#taker !== undefined) {
      const { resolve } = this.#taker
      this.#taker = undefined
      resolve(item)
      return true
    }
    if (this.size >= this.capacity) return false
    this.#items.push(item)
    return true
  }

  /** Waits for the next item; undefined once the queue is closed and empty. One taker at a time. */
  take(): Promise<T | undefined> {
    assert(this.#taker === undefined, 'a bounded queue has one taker at a time')
    const item = this.poll()
    if (item !== undefined) return Promise.resolve(item)
    if (this.#closed) return Promise.resolve(undefined)
    const waiting = Promise.withResolvers<T | undefined>()
    this.#taker = waiting
    return waiting.promise
  }

  /** The next item; undefined when the queue is empty. */
  poll(): T | undefined {
    if (this.#head >= this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined as T // releases the item before the array is compacted
    this.#head++
    if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** Refuses further items; the queued ones can still be taken. */
  close(): void {
    this.#closed = true
    if (this.#taker !== undefined) {
      const { resolve } = this.#taker
      this.#taker = undefined
      resolve(undefined)
    }
  }
}
