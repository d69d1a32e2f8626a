import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '@tapedeck/core'
import { Lake, openLake } from '@tapedeck/lake'
import { ownS3 } from '../../support/own-s3.ts'
import { temporaryFolder } from '../../support/scope.ts'
import { KILLED_PART, KILLED_TABLES } from './killed-part.ts'

/** Kills a publisher of the lake that `env` names, each time at another moment, and reads `lake` after each kill. */
async function killPublishers(
  t: TestContext,
  lake: Lake,
  {
    env,
    kills,
    mostMs
  }: {
    readonly env: Readonly<Record<string, string>>
    readonly kills: number
    readonly mostMs: number
  }
): Promise<void> {
  const random = seededRandom(51)
  const seen = new Set<string>()
  for (let kill = 0; kill < kills; kill++) {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, 'publish-main.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env }
    })
    t.after(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    await sleep(random() * mostMs)
    child.kill('SIGKILL')
    await once(child, 'close')
    const { manifest, files } = await lake.read(KILLED_PART)
    const mark = String(manifest.facts['mark'])
    for (const name of KILLED_TABLES) {
      const [file = ''] = files(name)
      assert.equal(await readFile(file, 'utf8'), `${mark}\n`.repeat(2000))
    }
    seen.add(manifest.version)
  }
  assert.equal(seen.size, kills)
}

describe('a lake whose publisher is killed', () => {
  // At most longer than one version takes, so that the kills fall on every step of it.
  it('has one whole version after every kill -9', { timeout: 240_000 }, async (t) => {
    const dir = path.join(await temporaryFolder(t), 'lake')
    const env = { LAKE_DIR: dir }
    await killPublishers(t, new Lake(dir), { env, kills: 20, mostMs: 60 })
  })

  it('has one in an object store as well', { timeout: 600_000 }, async (t) => {
    const server = await ownS3(t)
    const env = { ...server.env, LAKE_DIR: await temporaryFolder(t) }
    const lake = openLake(server.location(await temporaryFolder(t)))
    await killPublishers(t, lake, { env, kills: 8, mostMs: 200 })
  })
})
