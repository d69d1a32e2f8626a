import { didYouMean, TapedeckError } from '@tapedeck/core'
import type { JobSpec, TaskSpec } from '@tapedeck/domain'
import { FLOWS } from './flows.ts'

/** What can be run by name. */
export interface Job {
  readonly spec: JobSpec
  readonly about: string
  /** Runs when a task has failed for good. */
  readonly errorHandler: TaskSpec | null
  /** Program and arguments of each module, by the name of its task; a function of a flow has none. */
  readonly commands: ReadonlyMap<string, readonly string[]>
}

/**
 * The job of that name: a flow, or a sequence of the folder.
 * @param batchDir the folder with etl_sequences and modules.json
 * @throws REQUEST_INVALID when there is none; CONFIG_INVALID with every mistake in its files
 */
export async function findJob(name: string, batchDir: string): Promise<Job> {
  const flow = FLOWS.get(name)
  if (flow !== undefined) {
    return { spec: flow, about: flow.about, errorHandler: null, commands: new Map() }
  }
  const names = [...FLOWS.keys()]
  throw new TapedeckError(
    'REQUEST_INVALID',
    `Cannot run ${name}: there is no such job, expected ${names.join(', ')} (${batchDir})${didYouMean(name, names)}`
  )
}
