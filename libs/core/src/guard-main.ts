/**
 * The guard process (guard.ts): `guard-main.ts LOCK_FILE PID STARTED`. Waits until its input, a pipe from
 * the process with that identity, is closed, then ends the children that the lock file records.
 */
import { endRecordedChildren } from './data-lock.ts'

const [file = '', pid, started = ''] = process.argv.slice(2)
// Only the end of that process ends the guard.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined)

for await (const _ of process.stdin); // nothing is ever written to it
await endRecordedChildren(file, { pid: Number(pid), started })
