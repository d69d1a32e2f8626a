import { readFile } from 'node:fs/promises'

/** What a process has used so far. */
export interface ProcessCost {
  readonly name: string
  readonly cpuSeconds: number
  readonly rssMebibytes: number
}

/** Clock ticks a second in /proc; fixed at 100 for user space on Linux. */
const TICKS = 100
const UTIME = 11
const STIME = 12

/** Reads /proc; undefined where there is none or the process is gone. */
export async function processCost(name: string, pid: number): Promise<ProcessCost | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold blanks: count from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const kibibytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0)
    return {
      name,
      cpuSeconds: (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS,
      rssMebibytes: Math.round(kibibytes / 1024)
    }
  } catch {
    return undefined
  }
}
