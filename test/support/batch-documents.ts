import type { NewRun } from '@tapedeck/mongo'

/** What a run by command of the sequence `load` says wherever it is shown. */
export const LOAD_RUN = {
  job: 'load',
  kind: 'sequence',
  cause: 'command',
  schedule: null,
  occurrence: null
} as const

/** A run of two tasks, the second after the first; it waits. */
export function aRun(id: string, fields: Partial<NewRun> = {}): NewRun {
  const limits = { retries: 0, retryDelayMs: 0, backoff: 'fixed', timeoutMs: 1000 } as const
  return {
    _id: id,
    ...LOAD_RUN,
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
