import { readFile } from 'node:fs/promises'

/** What a process has used so far. */
export interface ProcessCost {
  readonly name: string
  readonly cpuSeconds: number
  readonly rssMebibytes: number
}

/** Clock ticks a second in /proc; fixed at 100 for user space on Linux. */
export const TICKS = 100
/** Places in what `statOf` returns: ticks in user space, and in the kernel. */
export const [UTIME, STIME] = [11, 12]

/** The numbers of a process in /proc; throws where there is none or the process is gone. */
export async function statOf(pid: number | string): Promise<readonly number[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name in parentheses may hold blanks: count from behind it.
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
}

/** Reads /proc; undefined where there is none or the process is gone. */
export async function processCost(name: string, pid: number): Promise<ProcessCost | undefined> {
  try {
    const stat = await statOf(pid)
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const kibibytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0)
    return {
      name,
      cpuSeconds: ((stat[UTIME] ?? NaN) + (stat[STIME] ?? NaN)) / TICKS,
      rssMebibytes: Math.round(kibibytes / 1024)
    }
  } catch {
    return undefined
  }
}

/** The costs of several, without those that are gone. */
export async function costsOf(
  processes: readonly { readonly name: string; readonly pid: number }[]
): Promise<ProcessCost[]> {
  const costs = await Promise.all(processes.map(({ name, pid }) => processCost(name, pid)))
  return costs.filter((cost) => cost !== undefined)
}
