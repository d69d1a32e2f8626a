import {
  readyTasks,
  runStateOf,
  tasksToSkip,
  type JobSpec,
  type RunState,
  type TaskState
} from '@tapedeck/domain'
import type { RunDocument, TaskRunDocument } from '@tapedeck/mongo'

/** What is to be done for a run now. */
export interface NextStep {
  /** Tasks that wait and may begin. */
  readonly ready: readonly string[]
  /** Tasks that wait and cannot run any more. */
  readonly skipped: readonly string[]
  /** How the run ends; undefined while it goes on. */
  readonly end: { readonly state: RunState; readonly error: string | null } | undefined
}

type Task = Pick<TaskRunDocument, 'task' | 'state' | 'error'>

/**
 * The next step of a run that is not over: a function of the states of its tasks, so that every process that looks
 * does the same. When the graph has ended as failed, the error handler runs, and the run ends after it.
 */
export function nextStep(
  {
    job: name,
    kind,
    tasks: specs,
    errorHandler
  }: Pick<RunDocument, 'job' | 'kind' | 'tasks' | 'errorHandler'>,
  tasks: readonly Task[]
): NextStep {
  const job: JobSpec = { name, kind, tasks: specs }
  const states = new Map<string, TaskState>(tasks.map(({ task, state }) => [task, state]))
  const skipped = tasksToSkip(job, states)
  const state = runStateOf(job, states)
  if (state === 'queued' || state === 'running') {
    return { ready: readyTasks(job, states), skipped, end: undefined }
  }
  const handler = tasks.find(({ task }) => task === errorHandler?.name)
  if (handler === undefined) return { ready: [], skipped, end: { state, error: errorOf(tasks) } }
  if (state !== 'failed') {
    const unneeded = handler.state === 'waiting' ? [handler.task] : []
    return { ready: [], skipped: [...skipped, ...unneeded], end: { state, error: null } }
  }
  if (handler.state === 'waiting') return { ready: [handler.task], skipped, end: undefined }
  const isOver = ['succeeded', 'failed', 'cancelled'].includes(handler.state)
  return { ready: [], skipped, end: isOver ? { state, error: errorOf(tasks) } : undefined }
}

/** The failures of a run in one line, those of its tasks first; null when there are none. */
function errorOf(tasks: readonly Task[]): string | null {
  const failed = tasks.filter(({ state }) => state === 'failed')
  if (failed.length === 0) return null
  return failed.map(({ task, error }) => `${task}: ${error ?? 'failed'}`).join('; ')
}
