import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { slowDown } from '../../../programs/bench/slow-core.ts'
import { until } from '../../../support/until.ts'

const LIMIT_MS = 20_000

describe('a process on a slow core', { skip: process.platform !== 'linux' }, () => {
  it('stops and runs in turn, and runs on when it is released', async (t) => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'])
    t.after(() => child.kill('SIGKILL'))
    await once(child, 'spawn')
    const pid = child.pid ?? 0
    const isStopped = async (): Promise<boolean> =>
      / T /.test(await readFile(`/proc/${pid}/stat`, 'utf8'))
    const release = slowDown(pid, 50)
    await until('it stands', isStopped, LIMIT_MS)
    await until('it runs again', async () => !(await isStopped()), LIMIT_MS)
    await release()
    assert.equal(await isStopped(), false)
  })

  it('may end meanwhile', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'])
    await once(child, 'spawn')
    const release = slowDown(child.pid ?? 0, 50)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await release()
  })
})
