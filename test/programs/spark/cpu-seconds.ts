import { readdir } from 'node:fs/promises'
import { statOf, STIME, TICKS, UTIME } from '../verify-tape/process-cost.ts'

const GROUP = 2
/** Of children that have ended and were waited for. */
const CHILDREN = [13, 14] as const

/** CPU seconds of the children of this process that have ended, with theirs; 0 where there is no /proc. */
export async function cpuOfEndedChildren(): Promise<number> {
  const stat = await statOf('self').catch(() => [])
  return CHILDREN.reduce((sum, at) => sum + (stat[at] ?? 0), 0) / TICKS
}

/** CPU seconds of everything that was started in some process groups; 0 where there is no /proc. */
export async function cpuOfGroups(groups: readonly number[]): Promise<number> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  let ticks = 0
  for (const pid of pids) {
    const stat = await statOf(pid).catch(() => [])
    if (!groups.includes(stat[GROUP] ?? 0)) continue
    for (const at of [UTIME, STIME, ...CHILDREN]) ticks += stat[at] ?? 0
  }
  return ticks / TICKS
}
