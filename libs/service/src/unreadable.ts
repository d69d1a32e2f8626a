import type { ServiceContext } from './run-service.ts'

/** More documents than these are counted only. */
const MOST_TOLD = 100

/**
 * Counts the documents that a service leaves out of what it reads from its database, and names each once in the log.
 */
export function unreadableReport({
  metrics,
  log
}: Pick<ServiceContext, 'metrics' | 'log'>): (found: {
  readonly collection: string
  readonly id: string
  readonly problem: string
}) => void {
  const counter = metrics.counter(
    'documents_unreadable_total',
    'Documents, or values of them, that reads left out because they do not fit',
    ['collection']
  )
  const told = new Set<string>()
  return ({ collection, id, problem }) => {
    counter.inc({ collection })
    const key = `${collection} ${id}`
    if (told.has(key) || told.size >= MOST_TOLD) return
    told.add(key)
    log.warn({ collection, id, problem }, `a document of ${collection} cannot be read: ${problem}`)
  }
}
