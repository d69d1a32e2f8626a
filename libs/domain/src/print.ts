/** A price with its place in the tape: ordered by time, then by the producer's order. */
export interface Print {
  readonly tMs: number
  /** Connection ids rise as text. */
  readonly connection: string
  /** frame x 4096 + index in the frame. */
  readonly sequence: number
  readonly price: number
}

export type StoredPrint = readonly [
  tMs: number,
  connection: string,
  sequence: number,
  price: number
]

/** Whether a comes before b on the tape. */
export function precedes(a: Print, b: Print): boolean {
  if (a.tMs !== b.tMs) return a.tMs < b.tMs
  if (a.connection !== b.connection) return a.connection < b.connection
  return a.sequence < b.sequence
}

export function earlier(a: Print | undefined, b: Print | undefined): Print | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return precedes(b, a) ? b : a
}

export function later(a: Print | undefined, b: Print | undefined): Print | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return precedes(a, b) ? b : a
}

export function printOf(stored: StoredPrint | null | undefined): Print | undefined {
  if (stored === null || stored === undefined) return undefined
  const [tMs, connection, sequence, price] = stored
  return { tMs, connection, sequence, price }
}

export function storedPrint(print: Print | undefined): StoredPrint | null {
  return print === undefined ? null : [print.tMs, print.connection, print.sequence, print.price]
}
