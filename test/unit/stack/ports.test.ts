import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { isFree, openPortMemory } from '@tapedeck/stack/testing'

async function dataDir(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-ports-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Listens on a port, any by default, until the test ends. */
async function occupy(t: TestContext, port = 0): Promise<number> {
  const server = createServer()
  t.after(() => server.close())
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

describe('openPortMemory()', () => {
  it('gives the same port after a restart', async (t) => {
    const folder = await dataDir(t)
    const first = await (await openPortMemory(folder)).choose('kafka')
    assert.equal(await (await openPortMemory(folder)).choose('kafka'), first)
  })

  it('gives another port when the remembered one is taken', async (t) => {
    const folder = await dataDir(t)
    const first = await (await openPortMemory(folder)).choose('kafka')
    await occupy(t, first)
    const second = await (await openPortMemory(folder)).choose('kafka')
    assert.notEqual(second, first)
    assert.ok(await isFree(second))
  })

  it('prefers the requested port, unless it is taken', async (t) => {
    const taken = await occupy(t)
    const memory = await openPortMemory(await dataDir(t))
    assert.notEqual(await memory.choose('kafka', taken), taken)
  })

  it('never gives one port to two names, even at the same time', async (t) => {
    const memory = await openPortMemory(await dataDir(t))
    const names = Array.from({ length: 20 }, (_, index) => `service-${index}`)
    const free = await memory.choose('first')
    const ports = await Promise.all(names.map((name) => memory.choose(name, free + 1)))
    assert.equal(new Set([free, ...ports]).size, names.length + 1)
  })

  it('chooses again when its file is damaged', async (t) => {
    const folder = await dataDir(t)
    await writeFile(path.join(folder, 'ports.json'), '{"kafka": "many", "x"')
    assert.ok(await isFree(await (await openPortMemory(folder)).choose('kafka')))
  })
})
