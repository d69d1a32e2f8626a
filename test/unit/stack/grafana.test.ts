import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { lockDataDir, openGuard } from '@tapedeck/core'
import {
  findGrafanaHome,
  openPortMemory,
  readConfig,
  startGrafana,
  Troubles,
  type StackGrafana
} from '@tapedeck/stack/testing'
import { eventually } from '../../support/eventually.ts'
import { standIn } from '../../support/grafana-stand-in.ts'

const options = { timeout: 60_000 }

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-grafana-home-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** A folder that looks like Grafana's home, with the program below bin/. */
async function homeIn(folder: string): Promise<string> {
  for (const part of ['bin', 'conf', 'public']) {
    await mkdir(path.join(folder, part), { recursive: true })
  }
  await writeFile(path.join(folder, 'conf/defaults.ini'), '')
  await writeFile(path.join(folder, 'bin/grafana'), '#!/bin/sh\n')
  await chmod(path.join(folder, 'bin/grafana'), 0o755)
  return folder
}

describe('findGrafanaHome()', () => {
  it('takes the folder that is given, whatever is in it', async () => {
    assert.equal(await findGrafanaHome('/nowhere/grafana', {}), '/nowhere/grafana')
  })

  it('follows the program on PATH to its home, before the usual folders', async (t) => {
    const folder = await folderOf(t)
    const home = await homeIn(path.join(folder, 'unpacked'))
    const usual = await homeIn(path.join(folder, 'usual'))
    const bin = path.join(folder, 'links')
    await mkdir(bin)
    await symlink(path.join(home, 'bin/grafana'), path.join(bin, 'grafana'))
    assert.equal(await findGrafanaHome(undefined, { PATH: `/nothing:${bin}` }, [usual]), home)
    assert.equal(await findGrafanaHome(undefined, { PATH: '/nothing' }, [usual]), usual)
  })

  it('finds the home of a package whose program lies elsewhere', async (t) => {
    const folder = await folderOf(t)
    const share = await homeIn(path.join(folder, 'share/grafana'))
    const bin = path.join(folder, 'bin')
    await mkdir(bin)
    await writeFile(path.join(bin, 'grafana-server'), '#!/bin/sh\n')
    await chmod(path.join(bin, 'grafana-server'), 0o755)
    assert.equal(await findGrafanaHome(undefined, { PATH: bin }, []), share)
  })

  it('finds none where there is none, or only a part of one', async (t) => {
    const folder = await folderOf(t)
    await mkdir(path.join(folder, 'public'))
    assert.equal(await findGrafanaHome(undefined, { PATH: folder }, [folder]), undefined)
  })
})

interface Started {
  readonly grafana: StackGrafana
  readonly said: string[]
}

async function start(t: TestContext, env: Record<string, string>): Promise<Started> {
  const dataDir = await folderOf(t)
  const config = readConfig({ PATH: '', TAPEDECK_DATA_DIR: dataDir, ...env })
  const lock = await lockDataDir(dataDir)
  const guard = openGuard(lock, {})
  const said: string[] = []
  const say = (text: string): number => said.push(text)
  const grafana = await startGrafana(config, {
    guard,
    ports: await openPortMemory(dataDir),
    troubles: new Troubles(),
    progress: { say, warn: (text) => said.push(`! ${text}`) },
    apiUrl: 'http://127.0.0.1:9/'
  })
  t.after(async () => {
    await grafana.stop(1000)
    await guard.close()
    await lock.release()
  })
  return { grafana, said }
}

const addressOf = ({ text = '' }: StackGrafana): string => text.split(' ')[0] ?? ''

describe('startGrafana()', () => {
  it(
    'starts it with our data source, starts it again when it is killed, and stops it',
    options,
    async (t) => {
      const home = await standIn(t)
      const secrets = {
        API_TOKENS: 'reader=0123456789abcdef:read',
        TAPEDECK_API_TOKEN: 'for-grafana'
      }
      const { grafana, said } = await start(t, { GRAFANA_HOME: home.home, ...secrets })
      await eventually(() => assert.match(said.join('\n'), /Grafana 13\.2\.3 shows the market on/))
      const { env, pid } = (await home.calls()).at(-1) ?? assert.fail('it was not called')
      assert.equal(env['TAPEDECK_API_URL'], 'http://127.0.0.1:9')
      assert.equal(env['TAPEDECK_API_TOKEN'], 'for-grafana')
      assert.equal(env['API_TOKENS'], undefined)

      process.kill(pid, 'SIGKILL')
      await eventually(() => assert.match(said.join('\n'), /Grafana runs again/))
      assert.equal((await fetch(`${addressOf(grafana)}/api/health`)).status, 200)
      await grafana.stop(5000)
      await assert.rejects(fetch(`${addressOf(grafana)}/api/health`))
    }
  )

  it('says why it does not start, and the stack goes on', options, async (t) => {
    const broken = await standIn(t, { serverFails: 'database is locked' })
    const first = await start(t, { GRAFANA_HOME: broken.home })
    await eventually(() =>
      assert.match(first.said.join('\n'), /! Grafana is not started: it ended with exit code 1/)
    )
    const old = await standIn(t, { version: '10.4.1' })
    const second = await start(t, { GRAFANA_HOME: old.home })
    await eventually(() =>
      assert.match(second.said.join('\n'), /! Grafana is not started: .*it is 10\.4\.1, expected/)
    )
  })

  it('is left out when it is not wanted', options, async (t) => {
    const off = await start(t, { GRAFANA_HOME: 'off' })
    assert.equal(off.grafana.text, undefined)
    assert.deepEqual(off.said, [])
  })
})
