/**
 * Started by orphan-guard.ts with the stack at the other end of standard input. Lines `+PID` and
 * `-PID` say what to guard; the end of input says that the stack is gone, by whatever cause.
 */
import { createInterface } from 'node:readline'

const KILL_AFTER_MS = 10_000
const CHECK_EVERY_MS = 100

const guarded = new Set<number>()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined)

for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1))
  if (line.startsWith('+')) guarded.add(pid)
  else guarded.delete(pid)
}

for (const pid of guarded) signal(pid, 'SIGTERM')
const killAtMs = Date.now() + KILL_AFTER_MS
const timer = setInterval(() => {
  for (const pid of guarded) {
    if (!signal(pid, 0)) guarded.delete(pid)
    else if (Date.now() > killAtMs) signal(pid, 'SIGKILL')
  }
  if (guarded.size === 0) clearInterval(timer)
}, CHECK_EVERY_MS)

/** False: no such process. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}
