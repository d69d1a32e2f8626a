import type { Env } from '@tapedeck/core'
import type { RunDocument, TaskRunDocument } from '@tapedeck/mongo'

/** What is known of the task for whose failure an error handler runs. */
export type FailedTask = Pick<
  TaskRunDocument,
  'task' | 'command' | 'exitCode' | 'error' | 'tail' | 'attempt'
>

/** An environment of all processes together is limited; the end of the tail is what tells. */
const TAIL_CHARACTERS = 8000

/**
 * The variables that tell a module about its run. An error handler gets in addition the facts of the failure.
 * @param failed the first task that failed; for an error handler only
 */
export function moduleEnv(
  env: Env,
  run: Pick<RunDocument, '_id' | 'job' | 'parameters'>,
  attempt: number,
  failed?: FailedTask
): Env {
  const parameters = Object.entries(run.parameters).map(
    ([name, value]) => [`BATCH_PARAM_${variableName(name)}`, value] as const
  )
  return {
    ...env,
    BATCH_RUN: run._id,
    BATCH_JOB: run.job,
    BATCH_ATTEMPT: String(attempt),
    BATCH_DATE: run.parameters['date'],
    ...Object.fromEntries(parameters),
    ...(failed !== undefined && {
      BATCH_FAILED_TASK: failed.task,
      BATCH_FAILED_COMMAND: failed.command?.join(' ') ?? '',
      BATCH_FAILED_EXIT_CODE: failed.exitCode === null ? '' : String(failed.exitCode),
      BATCH_FAILED_ERROR: failed.error ?? '',
      BATCH_FAILED_ATTEMPT: String(failed.attempt),
      // A variable cannot hold that character.
      BATCH_FAILED_TAIL: failed.tail.slice(-TAIL_CHARACTERS).replaceAll('\0', '')
    })
  }
}

/** `k-v` of a parameter is `K_V` in the name of its variable. */
function variableName(name: string): string {
  return name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')
}
