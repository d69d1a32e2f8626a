import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { hasCode } from '@tapedeck/core'
import { LakeReports } from '../../../services/api/src/lake-reports.ts'
import { temporaryFolder } from '../../support/scope.ts'

async function ownLake(t: TestContext) {
  const dir = await temporaryFolder(t)
  const homeOf = (date: string) => path.join(dir, 'refined/report', `trade_date=${date}`)
  let changes = 0
  return {
    dir,
    homeOf,
    reports: new LakeReports(dir),
    /** Publishes as the module `report` does. */
    async publish(date: string, text: string, more: object = {}): Promise<void> {
      const version = `v${++changes}`
      await mkdir(path.join(homeOf(date), version), { recursive: true })
      await writeFile(path.join(homeOf(date), version, 'report.html'), text)
      const sha256 = createHash('sha256').update(text).digest('hex')
      const files = [{ path: `${version}/report.html`, sha256 }]
      const manifest = {
        format: 1,
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
    assert.deepEqual(await new LakeReports(path.join(dir, 'none')).list(), [])
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
    await refuses('2026-03-10', /its file is of digest \w+, expected digest/)
    await rm(path.join(homeOf('2026-03-10'), 'v1'), { recursive: true })
    await refuses('2026-03-10', /its file is missing/)
    await writeFile(path.join(dir, 'secret'), 'x')
    const files = [{ path: '../../../secret', sha256: 'x' }]
    await publish('2026-03-11', '', { tables: [{ name: 'html', files }] })
    await refuses('2026-03-11', /no HTML file/)
    await publish('2026-03-12', '', { format: 2 })
    await refuses('2026-03-12', /format 2/)
  })
})
