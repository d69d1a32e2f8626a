import assert from 'node:assert/strict'
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { hasCode } from '@tapedeck/core'
import { type Draft, Lake, type Publication } from '@tapedeck/lake'
import { FolderStorage } from '@tapedeck/lake/testing'
import { temporaryFolder } from '../../support/scope.ts'

const PART = { zone: 'trusted', name: 'tape', date: '2026-03-10' } as const
const HOME = 'trusted/tape/trade_date=2026-03-10'

async function aLake(t: TestContext): Promise<Lake> {
  return new Lake(path.join(await temporaryFolder(t), 'lake'))
}

function aPublication(given: Partial<Publication> = {}): Publication {
  return {
    run: 'nightly',
    attempt: 1,
    tables: [
      {
        name: 'trades',
        format: 'parquet',
        rows: 1,
        columns: [],
        extents: {},
        files: ['trades.parquet']
      }
    ],
    code: { version: '0.1.0', sha256: '' },
    inputs: [],
    facts: {},
    ...given
  }
}

/** A table of lines in the file of a draft; what the lines are does not matter. */
const LINES = {
  name: 'lines',
  format: 'ndjson.gz',
  rows: 1,
  columns: [],
  extents: {},
  files: ['trades.parquet']
} as const

async function aDraft(lake: Lake, text: string, attempt = 1): Promise<Draft> {
  const draft = await lake.begin(PART, 'nightly', attempt)
  await writeFile(path.join(draft.folder, 'trades.parquet'), text)
  return draft
}

async function contentOf(lake: Lake): Promise<string> {
  const [file = ''] = (await lake.read(PART)).files('trades')
  return readFile(file, 'utf8')
}

/** The date is removed between a reader's look at the manifest and at the files. */
class RemovedMeanwhile extends FolderStorage {
  override async open(...given: Parameters<FolderStorage['open']>): Promise<string> {
    await new Lake(this.name).removeBefore(PART, '2026-03-11')
    return super.open(...given)
  }
}

describe('Lake', () => {
  it('says of a date that is removed while it is read that it is not published', async (t) => {
    const lake = await aLake(t)
    await lake.publish(await aDraft(lake, 'a'), aPublication())
    const reader = new Lake(lake.dir, new RemovedMeanwhile(lake.dir))
    await assert.rejects(reader.read(PART), (error) => hasCode(error, 'SERVER_MISSING'))
    assert.deepEqual(await readdir(path.join(lake.dir, 'trusted/tape')), [])
  })

  it('has nothing to read before a part is published, and says which step is missing', async (t) => {
    const lake = await aLake(t)
    await aDraft(lake, 'a')
    assert.equal(await lake.find(PART), undefined)
    await assert.rejects(
      lake.read(PART),
      (error) => hasCode(error, 'SERVER_MISSING') && /trusted\/tape\/2026-03-10/.test(error.message)
    )
    assert.deepEqual(await lake.dates(PART), [])
  })

  it('replaces a part, keeps the files of the version before it, and removes older ones', async (t) => {
    const lake = await aLake(t)
    const versions: string[] = []
    for (const text of ['a', 'b', 'c']) {
      const { version, previous } = await lake.publish(await aDraft(lake, text), aPublication())
      assert.equal(previous, versions.at(-1) ?? null)
      versions.push(version)
      assert.equal(await contentOf(lake), text)
    }
    const found = await readdir(path.join(lake.dir, HOME))
    assert.deepEqual(found.toSorted(), ['manifest.json', ...versions.slice(1)].toSorted())
    assert.deepEqual(await lake.dates(PART), ['2026-03-10'])
    assert.deepEqual(await readdir(path.join(lake.dir, '.staging')), [])
  })

  it('keeps every snapshot of a date, and neither rewrites them all nor names more and more files', async (t) => {
    const lake = await aLake(t)
    const count = 150
    const snapshot = async (text: string, at: string): Promise<void> => {
      const draft = await lake.begin(PART, 'quotes', 1)
      await writeFile(path.join(draft.folder, 'answers.ndjson.gz'), gzipSync(`${text}\n`))
      const files = ['answers.ndjson.gz']
      const extents: Record<string, [string, string]> = { receivedAt: [at, at] }
      const table = {
        name: 'answers',
        format: 'ndjson.gz',
        rows: 1,
        columns: [],
        extents,
        files
      } as const
      await lake.publish(draft, aPublication({ isAppended: true, tables: [table] }))
    }
    for (let i = 0; i < count; i++) await snapshot(String(i), String(1000 + i))
    const published = await lake.read(PART)
    const [table] = published.manifest.tables
    assert.equal(table?.rows, count)
    assert.deepEqual(table.extents['receivedAt'], ['1000', String(1000 + count - 1)])
    const files = published.files('answers')
    assert.ok(files.length <= 2 + 64, `${files.length} files`)
    const texts = await Promise.all(
      files.map(async (file) => gunzipSync(await readFile(file)).toString())
    )
    assert.deepEqual(
      texts.join('').trim().split('\n'),
      Array.from({ length: count }, (_, i) => String(i))
    )
    // Nothing else stays: the manifest, the folders of its files, and those of the version before.
    const folders = await readdir(path.join(lake.dir, HOME))
    assert.ok(folders.length <= files.length + published.manifest.retired.length + 1)
  })

  it('a reader of the version before a merge still finds its files', async (t) => {
    const lake = await aLake(t)
    const snapshot = async (i: number): Promise<void> => {
      const draft = await aDraft(lake, String(i))
      await lake.publish(
        draft,
        aPublication({ run: draft.version, isAppended: true, tables: [LINES] })
      )
    }
    for (let i = 0; i < 64; i++) await snapshot(i)
    const before = (await lake.read(PART)).files('lines')
    assert.equal(before.length, 64)
    await snapshot(64)
    assert.equal((await lake.read(PART)).files('lines').length, 2)
    for (const [i, file] of before.entries()) assert.equal(await readFile(file, 'utf8'), String(i))
    await snapshot(65)
    await assert.rejects(readFile(before[0] ?? '', 'utf8'), { code: 'ENOENT' })
  })

  it('a reader of the version before still finds its files', async (t) => {
    const lake = await aLake(t)
    await lake.publish(await aDraft(lake, 'a'), aPublication())
    const [file = ''] = (await lake.read(PART)).files('trades')
    await lake.publish(await aDraft(lake, 'b'), aPublication())
    assert.equal(await readFile(file, 'utf8'), 'a')
  })

  it('refuses a file that was not written, and one that is empty', async (t) => {
    const lake = await aLake(t)
    for (const spoil of [
      (file: string) => rm(file),
      (file: string) => writeFile(file, '')
    ] as const) {
      const draft = await aDraft(lake, 'a')
      await spoil(path.join(draft.folder, 'trades.parquet'))
      await assert.rejects(lake.publish(draft, aPublication()), (error) =>
        hasCode(error, 'STATE_CORRUPT')
      )
    }
    assert.equal(await lake.find(PART), undefined)
  })

  it('names a file that is no longer as its manifest says', async (t) => {
    const lake = await aLake(t)
    await lake.publish(await aDraft(lake, 'a'), aPublication())
    const [file = ''] = (await lake.read(PART)).files('trades')
    await appendFile(file, 'x')
    await assert.rejects(
      lake.read(PART),
      (error) => hasCode(error, 'STATE_CORRUPT') && error.message.includes(file)
    )
    await rm(file)
    await assert.rejects(lake.read(PART), /ENOENT/)
  })

  it('an attempt that was overtaken by a later one of its run publishes nothing', async (t) => {
    const lake = await aLake(t)
    const first = await aDraft(lake, 'first', 1)
    await lake.publish(await aDraft(lake, 'second', 2), aPublication({ attempt: 2 }))
    await assert.rejects(lake.publish(first, aPublication({ attempt: 1 })), (error) =>
      hasCode(error, 'RUN_IN_PROGRESS')
    )
    assert.equal(await contentOf(lake), 'second')
  })

  it('publishes of several at the same time are one after the other', async (t) => {
    const lake = await aLake(t)
    const texts = ['a', 'b', 'c', 'd']
    const drafts = await Promise.all(texts.map((text) => aDraft(lake, text)))
    await Promise.all(
      drafts.map((draft) => lake.publish(draft, aPublication({ run: draft.version })))
    )
    assert.ok(texts.includes(await contentOf(lake)))
    assert.equal((await readdir(path.join(lake.dir, HOME))).length, 3)
  })

  it('refuses a manifest of a later format, and a damaged one', async (t) => {
    const lake = await aLake(t)
    await lake.publish(await aDraft(lake, 'a'), aPublication())
    const file = path.join(lake.dir, HOME, 'manifest.json')
    await writeFile(file, '{"format":2}')
    await assert.rejects(lake.find(PART), (error) => hasCode(error, 'STATE_TOO_NEW'))
    await writeFile(file, '{"format":1')
    await assert.rejects(lake.find(PART), (error) => hasCode(error, 'STATE_CORRUPT'))
  })
})
