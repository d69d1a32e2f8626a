import type { Metrics } from '@tapedeck/service'
import type { Tended } from './tend-runs.ts'

/** How an attempt at a task ended; `lost`: another worker has the task, or may have it. */
export type AttemptEnd = 'succeeded' | 'failed' | 'lost' | 'stopped' | 'cancelled'

/** What workers and beats count. */
export interface BatchMetrics {
  attemptBegan(): void
  /** @param seconds how long it took */
  attemptEnded(how: AttemptEnd, seconds: number): void
  /** Counts the runs that ended. */
  ended(tended: Pick<Tended, 'ended'>): void
  /** Shows what waits, as a beat sees it. */
  waiting(tended: Pick<Tended, 'lost' | 'ready' | 'oldestReadyMs'>): void
}

/** A flow may take milliseconds, and a module of the lake minutes. */
const SECONDS = [0.05, 0.25, 1, 5, 30, 120, 600, 3600]

/** The metrics of a worker, a beat or both, named in docs/operations.md. */
export function batchMetrics(metrics: Metrics): BatchMetrics {
  const running = metrics.gauge('batch_tasks_running', 'Attempts at tasks that run now')
  const attempts = metrics.counter(
    'batch_attempts_total',
    'Attempts at tasks, by how they ended: succeeded, failed, lost, stopped or cancelled',
    ['result']
  )
  const seconds = metrics.histogram('batch_attempt_seconds', 'How long attempts took', SECONDS)
  const runs = metrics.counter('batch_runs_total', 'Runs that ended, by job and state', [
    'job',
    'state'
  ])
  const lost = metrics.counter('batch_tasks_lost_total', 'Tasks taken from workers that are lost')
  const ready = metrics.gauge('batch_tasks_ready', 'Tasks that may begin and wait for a worker')
  const oldest = metrics.gauge(
    'batch_oldest_ready_seconds',
    'How long the task that has waited longest for a worker has waited'
  )
  return {
    attemptBegan: () => running.inc(),
    attemptEnded(how, took) {
      running.dec()
      attempts.inc({ result: how })
      seconds.observe(took)
    },
    ended(tended) {
      for (const { run, state } of tended.ended) runs.inc({ job: run.job, state })
    },
    waiting(tended) {
      lost.inc(tended.lost)
      ready.set(tended.ready)
      oldest.set(tended.oldestReadyMs / 1000)
    }
  }
}
