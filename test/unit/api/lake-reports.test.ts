import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { hasCode } from '@tapedeck/core'
import { Lake } from '@tapedeck/lake'
import { LakeReports } from '../../../services/api/src/lake-reports.ts'
import { temporaryFolder } from '../../support/scope.ts'

async function ownLake(t: TestContext) {
  const dir = await temporaryFolder(t)
  const homeOf = (date: string) => path.join(dir, 'refined/report', `trade_date=${date}`)
  let changes = 0
  return {
    dir,
    homeOf,
    reports: new LakeReports(new Lake(dir)),
    /** Publishes as the module `report` does. */
    async publish(date: string, text: string, more: object = {}): Promise<void> {
      const version = `v${++changes}`
      await mkdir(path.join(homeOf(date), version), { recursive: true })
      await writeFile(path.join(homeOf(date), version, 'report.html'), text)
      const sha256 = createHash('sha256').update(text).digest('hex')
      const files = [{ path: `${version}/report.html`, bytes: text.length, sha256 }]
      const manifest = {
        format: 1,
        version,
        run: `nightly@${changes}`,
        publishedAt: '2026-03-10T21:30:00Z',
        tables: [
          { name: 'json', files: [] },
          { name: 'html', files }
        ],
        ...more
      }
      const file = path.join(homeOf(date), 'manifest.json')
      await writeFile(file, JSON.stringify(manifest))
      // Two manifests of one test are no second apart.
      await utimes(file, changes, changes)
    }
  }
}

describe('LakeReports', () => {
  it('lists what manifests name, the newest date first, and nothing without a lake', async (t) => {
    const { dir, reports, publish, homeOf } = await ownLake(t)
    assert.deepEqual(await new LakeReports(new Lake(path.join(dir, 'none'))).list(), [])
    await publish('2026-03-09', 'a')
    await publish('2026-03-10', 'b')
    // A folder that no manifest names: its writer may still be at work.
    await mkdir(homeOf('2026-03-11'), { recursive: true })
    await writeFile(path.join(homeOf('2026-03-11'), 'report.html'), 'half')
    const publishedAt = Date.parse('2026-03-10T21:30:00Z')
    assert.deepEqual(await reports.list(), [
      { date: '2026-03-10', run: 'nightly@2', publishedAt },
      { date: '2026-03-09', run: 'nightly@1', publishedAt }
    ])
    assert.equal(await reports.html('2026-03-09'), 'a')
    assert.equal(await reports.html('2026-03-11'), undefined)
  })

  it('reads a date again that was published again', async (t) => {
    const { reports, publish } = await ownLake(t)
    await publish('2026-03-10', 'first')
    assert.equal(await reports.html('2026-03-10'), 'first')
    await publish('2026-03-10', 'second')
    assert.equal(await reports.html('2026-03-10'), 'second')
    assert.equal((await reports.list())[0]?.run, 'nightly@2')
  })

  it('gives a list again for as long as it was told, also one that has failed', async (t) => {
    const { dir, publish, homeOf } = await ownLake(t)
    let nowMs = 0
    const clock = { now: () => nowMs, delay: () => Promise.resolve() }
    const reports = new LakeReports(new Lake(dir), { keptMs: 10_000, clock })
    const dates = async () => (await reports.list()).map(({ date }) => date)
    await publish('2026-03-10', 'a')
    assert.deepEqual(await dates(), ['2026-03-10'])
    await publish('2026-03-11', 'b')
    await writeFile(path.join(homeOf('2026-03-11'), 'manifest.json'), '{')
    nowMs = 9999
    assert.deepEqual(await dates(), ['2026-03-10'])
    nowMs = 10_000
    await assert.rejects(dates(), /Cannot read the manifest/)
    await publish('2026-03-11', 'b')
    await assert.rejects(dates(), /Cannot read the manifest/)
    nowMs = 20_000
    assert.deepEqual(await dates(), ['2026-03-11', '2026-03-10'])
  })

  it('serves no file that is missing, changed or outside of its folder', async (t) => {
    const { dir, reports, publish, homeOf } = await ownLake(t)
    const refuses = (date: string, text: RegExp) =>
      assert.rejects(reports.html(date), (error) => {
        assert.ok(hasCode(error, 'STATE_CORRUPT'))
        assert.match(error.message, text)
        return true
      })
    await publish('2026-03-10', 'good')
    await writeFile(path.join(homeOf('2026-03-10'), 'v1/report.html'), 'bad')
    await refuses('2026-03-10', /report.html: digest \w+ found, expected/)
    await rm(path.join(homeOf('2026-03-10'), 'v1'), { recursive: true })
    await refuses('2026-03-10', /report.html: digest ENOENT found, expected/)
    await writeFile(path.join(dir, 'secret'), 'x')
    const sha256 = createHash('sha256').update('x').digest('hex')
    const files = [{ path: '../../../secret', bytes: 1, sha256 }]
    await publish('2026-03-11', '', { tables: [{ name: 'html', files }] })
    await refuses('2026-03-11', /another form found/)
    await publish('2026-03-12', '', { tables: [{ name: 'json', files: [] }] })
    await refuses('2026-03-12', /no table html found/)
    await publish('2026-03-13', '', { format: 2 })
    await assert.rejects(reports.html('2026-03-13'), (error) => hasCode(error, 'STATE_TOO_NEW'))
  })
})
