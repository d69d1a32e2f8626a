import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import { describe, it } from 'node:test'
import { until } from '../../support/until.ts'
import { allGone, spawnStack, temporaryFolder } from './stack-process.ts'

/** Kafka, MongoDB, simulator, consumer, api, batch, producer. */
const CHILDREN = 7

/** The last line of a service's log says that it stopped in order. */
async function assertStopped(dataDir: string, service: string): Promise<void> {
  const log = await readFile(path.join(dataDir, 'logs', `${service}.log`), 'utf8')
  assert.match(log, /"msg":"stopped"\}\n$/, service)
}

/** A busy machine takes minutes. */
const START_LIMIT_MS = 200_000
const SECRET = 'a-secret-of-the-api-alone'

/** Every file that the stack and its servers have written is for its owner alone. */
async function assertPrivate(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true })
  for (const entry of ['.', ...entries]) {
    // A server may have removed a file since.
    const mode = (await stat(path.join(folder, entry)).catch(() => undefined))?.mode ?? 0
    assert.equal(mode & 0o077, 0, `${entry} has mode ${(mode & 0o777).toString(8)}`)
  }
}

describe('the stack as a process', { timeout: 600_000 }, () => {
  it('leaves no process when it is killed, starts again and stops in order at Ctrl-C', async (t) => {
    const dataDir = await temporaryFolder(t)

    await t.test('kill -9 leaves nothing running', async (t2) => {
      const stack = spawnStack(t2, dataDir)
      await stack.says(/first bar stored after/, START_LIMIT_MS)
      const children = await stack.children()
      assert.equal(children.length, CHILDREN)

      process.kill(stack.pid, 'SIGKILL')
      await stack.exited
      await allGone(children, 12_000)
      await assertStopped(dataDir, 'producer') // it has closed its spool
    })

    await t.test(
      'the next start continues, and Ctrl-C ends all of it in order with exit code 0',
      async (t2) => {
        const stack = spawnStack(t2, dataDir, { API_TOKEN: SECRET })
        await stack.says(/first bar stored after/, START_LIMIT_MS)
        const children = await stack.children()
        assert.equal(children.length, CHILDREN)
        await assertPrivate(dataDir)
        for (const { pid } of children) {
          const environment = await readFile(`/proc/${pid}/environ`, 'latin1')
          assert.equal(environment.includes(SECRET), pid === stack.pidOf('api'))
        }

        process.kill(-stack.pid, 'SIGINT')
        assert.deepEqual(await stack.exited, { code: 0, signal: null }, stack.output())
        await allGone(children, 0)
        for (const service of ['simulator', 'producer', 'consumer', 'api', 'batch']) {
          await assertStopped(dataDir, service)
        }
      }
    )
  })

  it('leaves no process when it is killed while it starts', async (t) => {
    const stack = spawnStack(t, await temporaryFolder(t))
    await until('a first child', async () => (await stack.children()).length > 0, 20_000)
    const children = await stack.children()
    process.kill(stack.pid, 'SIGKILL')
    await stack.exited
    await allGone(children, 12_000)
  })

  it('stops in order when the terminal is closed while it starts', async (t) => {
    const stack = spawnStack(t, await temporaryFolder(t))
    await stack.says(/Starting Kafka/)
    await until('a first child', async () => (await stack.children()).length > 0, 10_000)
    const children = await stack.children()
    process.kill(stack.pid, 'SIGHUP')
    assert.deepEqual(await stack.exited, { code: 0, signal: null }, stack.output())
    await allGone(children, 1000)
  })

  it('exits with 2 and every mistake on a bad configuration', async (t) => {
    const env = { SYMBOLS: 'AAPL,,AAPL', STACK: 'cloud' }
    const stack = spawnStack(t, await temporaryFolder(t), env)
    assert.deepEqual(await stack.exited, { code: 2, signal: null })
    assert.match(stack.output(), /entry 2 is empty/)
    assert.match(stack.output(), /entry 3 'AAPL' is there already/)
    assert.match(stack.output(), /STACK is 'cloud'/)
  })

  it('exits with 2 when your own server does not answer', async (t) => {
    const env = { MONGODB_URI: 'mongodb://ada:geheim@127.0.0.1:1' }
    const stack = spawnStack(t, await temporaryFolder(t), env)
    assert.deepEqual(await stack.exited, { code: 2, signal: null })
    assert.match(stack.output(), /MONGODB_URI: Cannot reach MongoDB/)
    assert.ok(!stack.output().includes('geheim'))
  })

  it('exits with 2 when API_PORT is in use', async (t) => {
    const server = createServer()
    t.after(() => server.close())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const stack = spawnStack(t, await temporaryFolder(t), { API_PORT: String(port) })
    assert.deepEqual(await stack.exited, { code: 2, signal: null })
    assert.match(stack.output(), new RegExp(`API_PORT ${port} on 127.0.0.1 is in use`))
  })
})
