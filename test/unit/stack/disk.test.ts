import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import { checkRoom, DISK, Troubles, watchDisk } from '@tapedeck/stack/testing'
import { until } from '../../support/until.ts'

const missing = path.join(tmpdir(), 'no-such-folder', 'data')
const free = (megabytes: number) => (): Promise<number> => Promise.resolve(megabytes * 1e6)

describe('checkRoom()', () => {
  it('accepts a folder that is not there yet on a disk with room', () => checkRoom(missing))

  it('refuses a disk without room, with what was found and expected', () =>
    assert.rejects(checkRoom('/data', free(3)), {
      code: 'DISK_FULL',
      message: 'Cannot start: the disk of /data has 3.0 MB left, expected 150.0 MB or more'
    }))

  it('takes a disk that does not tell for one with room', () =>
    checkRoom('/data', () => Promise.reject(new Error('not here'))))
})

describe('watchDisk()', { timeout: 60_000 }, () => {
  it('says once that the disk is nearly full, and once that it has room again', async (t) => {
    const lines: string[] = []
    const troubles = new Troubles()
    const stopping = new AbortController()
    let left = 200
    let looks = 0
    const watching = watchDisk('/data', {
      progress: { say: (text) => lines.push(text), warn: (text) => lines.push(`! ${text}`) },
      troubles,
      signal: stopping.signal,
      look: () => {
        looks++
        return free(left)()
      },
      everyMs: 1
    })
    t.after(async () => {
      stopping.abort()
      await watching
    })
    const looksAt = async (megabytes: number): Promise<void> => {
      left = megabytes
      const to = looks + 3
      await until('three looks', () => looks >= to)
    }
    await looksAt(200)
    assert.deepEqual(lines, [])
    await looksAt(140)
    await looksAt(0)
    assert.ok(troubles.isOpen(DISK))
    await looksAt(160) // not yet enough to call it over
    assert.ok(troubles.isOpen(DISK))
    await looksAt(500)
    assert.ok(!troubles.isOpen(DISK))
    assert.deepEqual(lines, [
      '! The disk of /data has 140.0 MB left, expected 150.0 MB or more: Kafka and MongoDB end when it is full, ' +
        'and are started again when there is room',
      'There is room again: the disk of /data has 500.0 MB left'
    ])
  })
})
