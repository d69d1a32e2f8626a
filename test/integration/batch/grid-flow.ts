import { defineFlow, type Flow } from '@tapedeck/batch/testing'

const STAGES = 5
const COLUMNS = 4

/** The tasks of one run of the flow. */
export const GRID_TASKS = STAGES * COLUMNS

const LEAST_WORK_MS = 50
const WORK_SPREAD_MS = 300

/** How long a task works on average. */
export const MEAN_WORK_MS = LEAST_WORK_MS + WORK_SPREAD_MS / 2

/** A note that an attempt was begun, and by which processes. */
export interface Begun {
  readonly _id: string
  readonly task: string
  readonly attempt: number
  readonly by: number[]
}

interface GridTask {
  readonly task: string
  readonly run: string
  readonly attempt: number
  readonly signal: AbortSignal
  readonly workMs: number
  readonly isFailing: boolean
}

/**
 * Five stages of four tasks, each after two of the stage before. One in ten fails when it is first tried. How long a
 * task works and whether it fails depend on the parameter `number` alone.
 */
export function gridFlow(work: (task: GridTask) => Promise<void>): Flow {
  return defineFlow({ name: 'grid', about: '' }, (flow) => {
    let above: readonly { readonly name: string }[] = []
    for (let stage = 0; stage < STAGES; stage++) {
      const last = above
      above = Array.from({ length: COLUMNS }, (_, column) => {
        const after = [last[column], last[(column + 1) % COLUMNS]].flatMap((one) => one ?? [])
        const task = `s${stage}-${column}`
        const options = { after, retries: 3, retryDelayMs: 200, timeoutMs: 60_000 }
        return flow.task(task, options, async ({ run, attempt, signal, parameters }) => {
          const number = Number(parameters['number']) * GRID_TASKS + stage * COLUMNS + column
          await work({
            task,
            run,
            attempt,
            signal,
            workMs: LEAST_WORK_MS + ((number * 97) % WORK_SPREAD_MS),
            isFailing: number % 10 === 3 && attempt === 1
          })
          return { attempt }
        })
      })
    }
  })
}
