import { readdir, readFile } from 'node:fs/promises'

/** Clock ticks a second in /proc; fixed at 100 for user space on Linux. */
const TICKS = 100
const GROUP = 2
const UTIME = 11
const STIME = 12
/** Of children that have ended and were waited for. */
const CHILDREN = [13, 14] as const

/** The numbers of a process in /proc; none where there is no /proc or the process is gone. */
async function statOf(pid: number | string): Promise<readonly number[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name in parentheses may hold blanks: count from behind it.
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
}

/** CPU seconds of the children of this process that have ended, with theirs; 0 where there is no /proc. */
export async function cpuOfEndedChildren(): Promise<number> {
  const stat = await statOf('self')
  return CHILDREN.reduce((sum, at) => sum + (stat[at] ?? 0), 0) / TICKS
}

/** CPU seconds of everything that was started in some process groups; 0 where there is no /proc. */
export async function cpuOfGroups(groups: readonly number[]): Promise<number> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  let ticks = 0
  for (const pid of pids) {
    const stat = await statOf(pid)
    if (!groups.includes(stat[GROUP] ?? 0)) continue
    for (const at of [UTIME, STIME, ...CHILDREN]) ticks += stat[at] ?? 0
  }
  return ticks / TICKS
}
