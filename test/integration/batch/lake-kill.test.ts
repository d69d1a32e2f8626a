import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '@tapedeck/core'
import { Lake } from '@tapedeck/lake'
import { temporaryFolder } from '../../support/scope.ts'
import { KILLED_PART, KILLED_TABLES } from './killed-part.ts'

const KILLS = 20
/** Longer than one version takes, so that the kills fall on every step of it. */
const MOST_MS = 60

describe('a lake whose publisher is killed', () => {
  it('has one whole version after every kill -9', { timeout: 240_000 }, async (t) => {
    const dir = path.join(await temporaryFolder(t), 'lake')
    const lake = new Lake(dir)
    const random = seededRandom(51)
    const seen = new Set<string>()
    for (let kill = 0; kill < KILLS; kill++) {
      const child = spawn(
        process.execPath,
        [path.join(import.meta.dirname, 'publish-main.ts'), dir],
        { stdio: ['ignore', 'pipe', 'inherit'] }
      )
      t.after(() => child.kill('SIGKILL'))
      await once(child.stdout, 'data')
      await sleep(random() * MOST_MS)
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
    assert.equal(seen.size, KILLS)
  })
})
