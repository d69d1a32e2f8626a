/** Keeps the end of an output that may be of any length. */
export class OutputTail {
  readonly #limitBytes: number
  #pieces: Buffer[] = []
  #bytes = 0
  #droppedBytes = 0

  /** @param limitBytes how much is kept */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    // The first piece goes once the others are enough: at most one piece more than the limit is held.
    while (this.#bytes - (this.#pieces[0]?.length ?? 0) >= this.#limitBytes) {
      const length = this.#pieces.shift()?.length ?? 0
      this.#bytes -= length
      this.#droppedBytes += length
    }
  }

  /** The end as a text; a line before it says how much is missing, if anything is. */
  toString(): string {
    const all = Buffer.concat(this.#pieces)
    const kept = all.subarray(Math.max(0, all.length - this.#limitBytes))
    const droppedBytes = this.#droppedBytes + all.length - kept.length
    // A cut letter at the front is no letter any more.
    const text = kept.toString('utf8').replace(droppedBytes === 0 ? /^$/ : /^\uFFFD{1,3}/, '')
    return droppedBytes === 0 ? text : `[${droppedBytes} bytes before]\n${text}`
  }
}
