import { AsyncLocalStorage } from 'node:async_hooks'

/** How many documents, or values of them, a read left out because they do not fit, by collection. */
export type ReadNotes = ReadonlyMap<string, number>

const current = new AsyncLocalStorage<Map<string, number>>()

/** Runs reads and collects what they leave out. Reads within it that are collected already count there alone. */
export async function withReadNotes<T>(
  work: () => Promise<T>
): Promise<{ readonly value: T; readonly notes: ReadNotes }> {
  const notes = new Map<string, number>()
  return { value: await current.run(notes, work), notes }
}

/** Notes a document of a collection that the present read left out. */
export function noteUnreadable(collection: string, count = 1): void {
  const notes = current.getStore()
  notes?.set(collection, (notes.get(collection) ?? 0) + count)
}

/** Adds what a shared read left out to the present one. */
export function addReadNotes(notes: ReadNotes): void {
  for (const [collection, count] of notes) noteUnreadable(collection, count)
}

/** The header of an answer that lacks documents, such as `trades=2, symbols=1`; empty when it lacks none. */
export function notesHeader(notes: ReadNotes): Readonly<Record<string, string>> {
  if (notes.size === 0) return {}
  const text = [...notes].map(([collection, count]) => `${collection}=${count}`).join(', ')
  return { 'tapedeck-unreadable': text }
}
