import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { lockDataDir, openGuard } from '@tapedeck/core'
import { silentProgress, startServices, Troubles, type ServicePlan } from '@tapedeck/stack/testing'
import { freePort } from '../../support/free-port.ts'
import { until } from '../../support/until.ts'
import { temporaryFolder } from './stack-process.ts'

const LIMIT_MS = 60_000

describe('a service that stood still', { timeout: 200_000 }, () => {
  it('is named for that alone, not for what it finds overdue when it goes on', async (t) => {
    const dataDir = await temporaryFolder(t)
    const lock = await lockDataDir(dataDir)
    const guard = openGuard(lock, {})
    t.after(async () => {
      await guard.close()
      await lock.release()
    })
    const port = await freePort()
    const address = `http://127.0.0.1:${port}/`
    const plan: ServicePlan = {
      name: 'producer',
      stopStage: 1,
      program: path.join(import.meta.dirname, 'hanging-service.ts'),
      env: { ...process.env, HANGING_PORT: String(port) },
      readyUrl: address,
      address
    }
    const said: string[] = []
    const progress = {
      ...silentProgress,
      say: (text: string) => void said.push(text),
      warn: (text: string) => void said.push(`! ${text}`)
    }
    const site = { dataDir, startLimitMs: LIMIT_MS, progress, troubles: new Troubles(), guard }
    const { signal } = new AbortController()
    const services = await startServices([plan], site, { signal, onFinal: () => undefined })
    t.after(() => services.close(5000))
    const { pid } = services.list[0]!.current()

    process.kill(pid, 'SIGSTOP')
    await until('the line of the hang', () => said.some((line) => line.startsWith('! ')), LIMIT_MS)
    process.kill(pid, 'SIGCONT')
    await until('its end', () => said.includes('The producer is ready again'), LIMIT_MS)
    const log = path.join(dataDir, 'logs', 'producer.log')
    await until(
      'its complaint',
      async () => (await readFile(log, 'utf8')).includes('woke'),
      LIMIT_MS
    )

    assert.deepEqual(said, [
      `producer is ready (pid ${pid})`,
      '! The producer is not ready: it does not answer within 3 s',
      'The producer is ready again'
    ])
  })
})
