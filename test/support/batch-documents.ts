import type { NewRun } from '@tapedeck/mongo'

/** A run of two tasks, the second after the first; it waits. */
export function aRun(id: string, fields: Partial<NewRun> = {}): NewRun {
  const limits = { retries: 0, retryDelayMs: 0, backoff: 'fixed', timeoutMs: 1000 } as const
  return {
    _id: id,
    job: 'load',
    kind: 'sequence',
    cause: 'command',
    schedule: null,
    occurrence: null,
    parameters: { date: '2026-11-27' },
    tasks: [
      { name: 'extract', after: [], ...limits },
      { name: 'store', after: ['extract'], ...limits }
    ],
    errorHandler: null,
    isLocal: false,
    queue: 'sequence',
    commands: new Map([['extract', ['node', 'extract.ts']]]),
    ...fields
  }
}
