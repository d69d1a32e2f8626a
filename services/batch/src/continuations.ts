/** Brings a run forward after a task of it has ended; resolves when that has been seen. */
type Continue<R> = (run: R, task: string) => Promise<void>

interface Next {
  readonly tasks: Set<string>
  readonly done: Promise<void>
}

/**
 * One step at a time of each run. Tasks that end during a step share the next one, which begins after them and so sees
 * all of them.
 * @param step brings a run forward after these tasks
 */
export function continuations<R extends { readonly _id: string; readonly round: number }>(
  step: (run: R, tasks: ReadonlySet<string>) => Promise<void>
): Continue<R> {
  const present = new Map<string, Promise<void>>()
  const next = new Map<string, Next>()
  return (run, task) => {
    const key = `${run._id}#${run.round}`
    const shared = next.get(key)
    if (shared !== undefined) {
      shared.tasks.add(task)
      return shared.done
    }
    const tasks = new Set([task])
    const before = present.get(key) ?? Promise.resolve()
    const begin = (): Promise<void> => {
      next.delete(key)
      return step(run, tasks)
    }
    const done = before.then(begin, begin).finally(() => {
      if (present.get(key) === done) present.delete(key)
    })
    next.set(key, { tasks, done })
    present.set(key, done)
    return done
  }
}
