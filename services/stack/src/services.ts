import type { TapedeckError } from '@tapedeck/core'
import type { ServicePlan } from './service-plan.ts'
import {
  isConfigRefused,
  startService,
  type RunningService,
  type ServiceSite
} from './service-process.ts'
import { supervise, type Supervised } from './supervise.ts'

/** All services of the stack, each kept running. */
export interface Services {
  readonly list: readonly Supervised<RunningService>[]
  /** Those that feed first, then those that store and show: nothing on its way is lost. */
  close(limitMs: number): Promise<void>
}

/** What must stop before what: the consumer drains what the producer has sent. */
const STOP_ORDER = [['producer'], ['simulator', 'consumer', 'api']] as const
const UNWIND_LIMIT_MS = 3000

/**
 * Starts them side by side, but the producer after its feed. If one fails the others are ended.
 * @param onFinal hears of a service that will not be started again
 */
export async function startServices(
  plans: readonly ServicePlan[],
  site: ServiceSite,
  { signal, onFinal }: { signal: AbortSignal; onFinal: (error: TapedeckError) => void }
): Promise<Services> {
  const failed = new AbortController()
  const all = AbortSignal.any([signal, failed.signal])
  const startOne = async (plan: ServicePlan): Promise<Supervised<RunningService>> => {
    const first = await startService(plan, site, all)
    site.progress.say(`${plan.name} is ready (pid ${first.pid})`)
    return supervise(`The ${plan.name}`, first, {
      again: (restartSignal) => startService(plan, site, restartSignal),
      progress: site.progress,
      isFinal: isConfigRefused,
      onFinal
    })
  }
  const starts = new Map<string, Promise<Supervised<RunningService>>>()
  for (const plan of plans) {
    const feed = plan.name === 'producer' ? starts.get('simulator') : undefined
    const start = feed === undefined ? startOne(plan) : feed.then(() => startOne(plan))
    start.catch(() => failed.abort())
    starts.set(plan.name, start)
  }
  const results = await Promise.allSettled(starts.values())
  const list = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const errors = results.flatMap((one) =>
    one.status === 'rejected' ? [one.reason as TapedeckError] : []
  )
  const failure = errors.find(({ code }) => code !== 'ABORTED') ?? errors[0]
  if (failure !== undefined) {
    await Promise.all(list.map((one) => one.stop(UNWIND_LIMIT_MS)))
    throw failure
  }
  return {
    list,
    async close(limitMs) {
      const deadlineMs = performance.now() + limitMs
      for (const names of STOP_ORDER) {
        const leftMs = Math.max(500, deadlineMs - performance.now())
        const group = list.filter((one) => names.some((name) => name === one.current().name))
        await Promise.all(group.map((one) => one.stop(leftMs)))
      }
    }
  }
}
