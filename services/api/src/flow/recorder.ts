import { messageOf, repeat, type Clock } from '@tapedeck/core'
import { parseMetrics } from '@tapedeck/service'
import {
  addBuckets,
  COUNTED,
  difference,
  GAUGED,
  readingOf,
  STAGES,
  type Buckets,
  type Counted,
  type Difference,
  type Gauged,
  type Reading,
  type Stage
} from './measures.ts'

/** A process whose metrics are read. */
export interface FlowTarget {
  readonly service: string
  readonly url: string
  /** The text of its metrics. @throws when it does not answer */
  read(signal: AbortSignal): Promise<string>
}

/** What was measured in one interval; null: a process of the service did not answer, or the service is not asked. */
export interface Moment {
  /** End of the interval, epoch ms. */
  readonly time: number
  /** That the counts of each service took, longer after it was away. */
  readonly seconds: Readonly<Record<string, number>>
  readonly counts: Readonly<Record<Counted, number | null>>
  readonly gauges: Readonly<Record<Gauged, number | null>>
  readonly latencies: Readonly<Partial<Record<Stage, Buckets>>>
}

/** A process at its last reading. */
export interface ProcessState {
  readonly service: string
  readonly url: string
  /** Why it did not answer; undefined: it did. */
  readonly problem: string | undefined
  /** When it last answered, epoch ms; null: never. */
  readonly answeredAt: number | null
  readonly reading: Reading | undefined
  readonly difference: Difference | undefined
}

const EVERY_MS = 5000
const ANSWER_LIMIT_MS = 2500
const KEPT_MS = 3_600_000
const MOST_MOMENTS = KEPT_MS / EVERY_MS

/** Reads the metrics of every process every 5 s and keeps what was counted in between, for an hour. */
export class FlowRecorder {
  readonly #clock: Clock
  readonly #monotonicMs: () => number
  /** Epoch ms. */
  readonly beganAt: number
  readonly #processes: (ProcessState & { readonly target: FlowTarget })[]
  #moments: Moment[] = []

  constructor(
    targets: readonly FlowTarget[],
    clock: Clock,
    monotonicMs: () => number = () => performance.now()
  ) {
    this.#clock = clock
    this.#monotonicMs = monotonicMs
    this.beganAt = clock.now()
    this.#processes = targets.map((target) => ({
      target,
      service: target.service,
      url: target.url,
      problem: 'not asked yet',
      answeredAt: null,
      reading: undefined,
      difference: undefined
    }))
  }

  /** The oldest first. */
  get moments(): readonly Moment[] {
    return this.#moments
  }

  get processes(): readonly ProcessState[] {
    return this.#processes
  }

  /** Reads on until the function it returns is called. */
  start(): () => Promise<void> {
    return repeat(
      EVERY_MS,
      () => this.measure(),
      () => undefined // no reading throws: a process that does not answer is a state
    )
  }

  /** Reads every process once, at most for 2.5 s. */
  async measure(): Promise<void> {
    await Promise.all(this.#processes.map((_, index) => this.#read(index)))
    const time = this.#clock.now()
    const moment = this.#momentOf(time)
    if (moment !== undefined) this.#moments.push(moment)
    this.#moments = this.#moments
      .slice(-MOST_MOMENTS)
      .filter((one) => one.time > time - KEPT_MS && one.time <= time)
  }

  async #read(index: number): Promise<void> {
    const process = this.#processes[index]
    if (process === undefined) return
    const { target, reading: before } = process
    try {
      const text = await target.read(AbortSignal.timeout(ANSWER_LIMIT_MS))
      const reading = readingOf(parseMetrics(text), this.#monotonicMs())
      this.#processes[index] = {
        ...process,
        problem: undefined,
        answeredAt: this.#clock.now(),
        reading,
        difference: before === undefined ? undefined : difference(before, reading)
      }
    } catch (error) {
      const isLate = (error as Error).name === 'TimeoutError'
      const problem = isLate ? `no answer within ${ANSWER_LIMIT_MS / 1000} s` : messageOf(error)
      this.#processes[index] = { ...process, problem, difference: undefined }
    }
  }

  #momentOf(time: number): Moment | undefined {
    const all = (service: string): readonly Difference[] | undefined => {
      const its = this.#processes.filter((one) => one.service === service)
      const found = its.flatMap((one) => one.difference ?? [])
      return found.length === its.length && its.length > 0 ? found : undefined
    }
    if (this.#processes.every((one) => one.difference === undefined)) return undefined
    return {
      time,
      seconds: Object.fromEntries(
        [...new Set(this.#processes.map(({ service }) => service))].map((service) => [
          service,
          Math.max(0, ...(all(service) ?? []).map(({ seconds }) => seconds))
        ])
      ),
      counts: mapped(COUNTED, ({ service, counter }) => {
        const found = all(service)
        if (found === undefined) return null
        return sum(found.map(({ counts }) => counts[counter] ?? 0))
      }),
      gauges: mapped(GAUGED, ({ service, of }, name) => {
        if (all(service) === undefined) return null
        const found = this.#processes.flatMap((one) =>
          one.service === service ? (one.reading?.gauges[name] ?? []) : []
        )
        if (found.length === 0) return null
        return of === 'sum' ? sum(found) : Math.max(...found)
      }),
      latencies: Object.fromEntries(
        Object.entries(STAGES).flatMap(([stage, service]) => {
          const found = all(service)?.flatMap(({ latencies }) => latencies[stage as Stage] ?? [])
          return found === undefined ? [] : [[stage, addBuckets(found)]]
        })
      )
    }
  }
}

function mapped<K extends string, V, R>(
  of: Readonly<Record<K, V>>,
  make: (value: V, key: K) => R
): Record<K, R> {
  return Object.fromEntries(
    Object.entries<V>(of).map(([key, value]) => [key, make(value, key as K)])
  ) as Record<K, R>
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
