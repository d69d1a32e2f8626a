import { createContext, createLogger, type ServiceContext } from '@tapedeck/service'
import type { Scope } from './scope.ts'

export interface InService<T> {
  readonly result: T
  /** Asks to stop and waits until all is closed; true when every closer succeeded. */
  stop(): Promise<boolean>
  /** Resolves when the service failed in the background. */
  readonly stopped: Promise<{ error: unknown } | undefined>
}

/** Runs a start function in this process with a context of its own, ended with the test. */
export async function inService<T>(
  t: Scope,
  start: (context: ServiceContext) => Promise<T>
): Promise<InService<T>> {
  const { context, stop, stopped } = createContext(createLogger('test', 'silent'))
  let ending: Promise<boolean> | undefined
  const end = (): Promise<boolean> => {
    stop()
    ending ??= context.close()
    return ending
  }
  t.after(end)
  // A service that fails where nobody awaits must not pass for a quiet one.
  void report(t, stopped)
  return { result: await start(context), stop: end, stopped }
}

async function report(t: Scope, stopped: InService<unknown>['stopped']): Promise<void> {
  const failure = await stopped
  if (failure !== undefined) t.diagnostic(`service failed: ${String(failure.error)}`)
}
