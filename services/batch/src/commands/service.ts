import { argumentReader, commandLine, type Env } from '@tapedeck/core'
import { runService, type ServiceContext } from '@tapedeck/service'
import { startBatchBeat, startBatchWorker } from '../app.ts'
import { BATCH_VARIABLES, readConfig, type BatchConfig } from '../config.ts'
import type { SubCommand } from '../sub-command.ts'

/** `npm run batch -- worker`. */
export const worker = service(
  'worker',
  'run tasks until it is stopped',
  'Runs the tasks of flows and sequences until it is stopped. Any number of workers may run, on any number of machines.',
  {
    BATCH_CONCURRENCY: 'how many tasks at a time',
    BATCH_LEASE: 'how long a worker that is not heard of keeps its tasks'
  },
  startBatchWorker
)

/** `npm run batch -- beat`. */
export const beat = service(
  'beat',
  'make the runs that are due, and find what is lost',
  'Makes the runs of schedules and gives the tasks of lost workers to others, until it is stopped. Any number of beats may run.',
  { BATCH_TICK: 'how often it looks' },
  startBatchBeat
)

function service(
  name: string,
  about: string,
  purpose: string,
  settings: Readonly<Record<string, string>>,
  start: (config: BatchConfig, context: ServiceContext) => Promise<void>
): SubCommand {
  const { usage } = commandLine({
    name: 'batch',
    purpose,
    forms: [`-- ${name}`],
    options: {},
    settings: {
      MONGODB_URI: 'your own server; without it that of the running npm start',
      ...settings
    },
    exits: ['it was asked to stop', 'it failed', 'wrong arguments or settings, or no database'],
    example: `-- ${name}`,
    read: () => undefined
  })
  const readFlags = argumentReader({ name: 'batch', options: {}, read: (): Env => ({}) })
  return {
    about,
    run: (env) =>
      runService(
        {
          name: `batch-${name}`,
          purpose,
          variables: BATCH_VARIABLES,
          readConfig,
          start,
          usage,
          readFlags
        },
        env
      )
  }
}
