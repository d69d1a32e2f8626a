import { checkGraph, type JobSpec, type TaskSpec } from '@tapedeck/domain'
import { configInvalid } from '@tapedeck/core'

/** What a task may return: it is stored as JSON, and its readers get it back from there. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** What a function of a flow gets. */
interface TaskContext<I = Readonly<Record<string, Json>>> {
  /** Aborts at the time limit, when the run is cancelled, and when another worker has got the task. */
  readonly signal: AbortSignal
  /** The id of the run. */
  readonly run: string
  readonly parameters: Readonly<Record<string, string>>
  /** What the upstream tasks of `inputs` returned. */
  readonly inputs: I
  /** Counts from 1. */
  readonly attempt: number
  /** Adds a line to the tail of the attempt. */
  log(line: string): void
}

/** A task of a flow, with the type of what it returns. */
interface TaskRef<O extends Json> {
  readonly name: string
  /** Only for the type. */
  readonly output?: O
}

type Inputs = Readonly<Record<string, TaskRef<Json>>>
type OutputsOf<I extends Inputs> = {
  readonly [N in keyof I]: I[N] extends TaskRef<infer O> ? O : never
}

/** When a task runs, and how often it is tried. */
interface TaskOptions<I extends Inputs> {
  /** Upstream tasks whose results it takes, by the names under which it gets them. */
  readonly inputs?: I
  /** Upstream tasks without data. */
  readonly after?: readonly TaskRef<Json>[]
  /** Tries after the first; 0 unless given. */
  readonly retries?: number
  /** Between two tries, ms; 1 s unless given. */
  readonly retryDelayMs?: number
  /** Exponential: the delay doubles with each try, up to an hour. Fixed unless given. */
  readonly backoff?: TaskSpec['backoff']
  /** Of one try, ms; an hour unless given. */
  readonly timeoutMs?: number
}

/** Adds tasks to a flow that is being defined. */
interface FlowBuilder {
  /**
   * Adds a task. `run` may be called again after it has done all its work, when a worker is lost before it could
   * store the result: what it writes must be the same then, or replace what is there.
   */
  task<O extends Json, const I extends Inputs = Inputs>(
    name: string,
    options: TaskOptions<I>,
    run: (context: TaskContext<OutputsOf<I>>) => O | Promise<O>
  ): TaskRef<O>
}

/** A job in TypeScript. */
export interface Flow extends JobSpec {
  readonly kind: 'flow'
  readonly about: string
  readonly functions: ReadonlyMap<string, FlowFunction>
}

/** A function of a flow, with the upstream tasks whose results it takes. */
interface FlowFunction {
  /** Names of tasks by the names under which it gets their results. */
  readonly inputs: Readonly<Record<string, string>>
  readonly run: (context: TaskContext) => Json | Promise<Json>
}

const SECOND_MS = 1000
const HOUR_MS = 3_600_000

/**
 * Defines a flow: tasks that run as soon as their upstream tasks have succeeded, side by side where the graph allows it.
 * @throws CONFIG_INVALID with every mistake in the graph
 */
export function defineFlow(
  { name, about }: { readonly name: string; readonly about: string },
  build: (flow: FlowBuilder) => void
): Flow {
  const tasks: TaskSpec[] = []
  const functions = new Map<string, FlowFunction>()
  build({
    task(task, options, run) {
      const { inputs, after = [], retries = 0, retryDelayMs = SECOND_MS } = options
      const { backoff = 'fixed', timeoutMs = HOUR_MS } = options
      const upstream = [...Object.values(inputs ?? {}), ...after]
      tasks.push({
        name: task,
        after: [...new Set(upstream.map((one) => one.name))],
        retries,
        retryDelayMs,
        backoff,
        timeoutMs
      })
      functions.set(task, {
        inputs: Object.fromEntries(
          Object.entries(inputs ?? {}).map(([own, one]) => [own, one.name])
        ),
        // The results of the tasks in `inputs` are what their functions returned.
        run: run as unknown as FlowFunction['run']
      })
      return { name: task }
    }
  })
  const flow: Flow = { name, about, kind: 'flow', tasks, functions }
  const mistakes = checkGraph(flow)
  if (mistakes.length > 0) throw configInvalid(mistakes.map((one) => `flow ${name}: ${one}`))
  return flow
}
