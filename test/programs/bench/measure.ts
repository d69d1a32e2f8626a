import { performance } from 'node:perf_hooks'

export interface Subject {
  readonly name: string
  /** Trades that one run takes. */
  readonly trades: number
  run(): unknown
}

export interface Timing {
  readonly name: string
  /** CPU time of the process, median over the rounds, and the spread. */
  readonly nsPerTrade: number
  readonly minNs: number
  readonly maxNs: number
  /** A second of one core. */
  readonly tradesPerSecond: number
  /** Median by the wall clock: about the same on a machine with nothing else to do. */
  readonly wallNs: number
}

export interface MeasureOptions {
  readonly rounds: number
  readonly warmUps: number
  /** Frees what a run left behind, before the next is timed. */
  collectGarbage(): void
  onRun?(name: string, round: number, nsPerTrade: number): void
}

/**
 * Times subjects in turn, round after round (A B C, A B C, …): what makes the machine slow for a
 * while hits all of them alike. CPU time is what counts, the garbage collector's threads included.
 * Medians of the rounds; the warm-up is not counted.
 */
export async function measure(
  subjects: readonly Subject[],
  { rounds, warmUps, collectGarbage, onRun }: MeasureOptions
): Promise<Timing[]> {
  const times = subjects.map(() => ({ cpu: [] as number[], wall: [] as number[] }))
  for (let round = 1 - warmUps; round <= rounds; round++) {
    for (const [index, { name, trades, run }] of subjects.entries()) {
      collectGarbage()
      const cpu = process.cpuUsage()
      const startedMs = performance.now()
      await run()
      const wallNs = ((performance.now() - startedMs) * 1e6) / trades
      const { user, system } = process.cpuUsage(cpu)
      const ns = ((user + system) * 1000) / trades
      onRun?.(name, round, ns)
      if (round <= 0) continue
      times[index]?.cpu.push(ns)
      times[index]?.wall.push(wallNs)
    }
  }
  return subjects.map(({ name }, index) => {
    const { cpu = [], wall = [] } = times[index] ?? {}
    const sorted = cpu.toSorted((a, b) => a - b)
    const nsPerTrade = medianOf(cpu)
    return {
      name,
      nsPerTrade: Math.round(nsPerTrade),
      minNs: Math.round(sorted[0] ?? NaN),
      maxNs: Math.round(sorted.at(-1) ?? NaN),
      tradesPerSecond: Math.round(1e9 / nsPerTrade),
      wallNs: Math.round(medianOf(wall))
    }
  })
}

/** The middle of the values, or the mean of the two in the middle; NaN of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
}

/** Least squares: y = intercept + slope x. */
export function lineThrough(points: readonly (readonly [x: number, y: number])[]): {
  readonly intercept: number
  readonly slope: number
} {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length
  const sxx = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  const sxy = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const slope = sxx === 0 ? 0 : sxy / sxx
  return { slope, intercept: meanY - slope * meanX }
}
