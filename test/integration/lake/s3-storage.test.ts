import assert from 'node:assert/strict'
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import path from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { hasCode, type ErrorCode } from '@tapedeck/core'
import { digestOf, Lake, openLake, type LakeLocation } from '@tapedeck/lake'
import { FolderStorage, S3Storage, type LakeStorage } from '@tapedeck/lake/testing'
import { freePort } from '../../support/free-port.ts'
import { forwardHttp } from '../../support/http-proxy.ts'
import { onLoopback } from '../../support/loopback.ts'
import { ownS3, type OwnS3 } from '../../support/own-s3.ts'
import { OwnScope, temporaryFolder, type Scope } from '../../support/scope.ts'

const options = { timeout: 120_000 }
/** The first run on a machine fetches the server. */
const fetching = { timeout: 600_000 }
const PART = { zone: 'raw', name: 'quotes', date: '2026-03-10' } as const
const HOME = 'raw/quotes/trade_date=2026-03-10'
/** Every kind of character that is encoded in one way or another. */
const ODD_KEY = `reports/Zürich & 日本 (+1) 100% 'a'!*~=@,;:$/a b.html`

/** A storage, and the folder in which a test finds the files behind it. */
interface Site {
  readonly storage: LakeStorage
  readonly files: string
  /** The same lake, as another process has it. */
  another(): Promise<Lake>
}

async function folderSite(t: Scope): Promise<Site> {
  const files = await temporaryFolder(t)
  return {
    storage: new FolderStorage(files),
    files,
    another: () => Promise.resolve(new Lake(files))
  }
}

function storageOf({ dir, s3 }: LakeLocation): S3Storage {
  assert.ok(s3 !== undefined)
  return new S3Storage(s3, dir)
}

let prefixes = 0

async function s3Site(t: Scope, server: OwnS3): Promise<Site> {
  const prefix = `lake ${++prefixes}/Zürich`
  const LAKE_S3_URL = `${server.env['LAKE_S3_URL']}/${prefix}`
  // S3Proxy looks at the tag and then writes, and something may come between; S3 does both in one step.
  const { url: LAKE_S3_ENDPOINT } = await forwardHttp(t, server.endpoint)
  const more = { LAKE_S3_URL, LAKE_S3_ENDPOINT }
  const own = async () => server.location(await temporaryFolder(t), more)
  const files = path.join(server.folder, 'lakes/of tests', prefix)
  await mkdir(files, { recursive: true })
  return { storage: storageOf(await own()), files, another: async () => openLake(await own()) }
}

function published(key: string, text: string) {
  return { path: path.posix.basename(key), bytes: Buffer.byteLength(text), sha256: digestOf(text) }
}

/** A folder with one file each of these texts. */
async function folderWith(t: Scope, texts: Readonly<Record<string, string>>): Promise<string> {
  const folder = path.join(await temporaryFolder(t), 'draft')
  await mkdir(folder)
  for (const [name, text] of Object.entries(texts)) await writeFile(path.join(folder, name), text)
  return folder
}

function failsWith(code: ErrorCode, text: RegExp) {
  return (error: unknown) => {
    assert.ok(hasCode(error, code), String(error))
    assert.match(error.message, text)
    assert.doesNotMatch(error.message, /\n|lake-secret-of-test/)
    return true
  }
}

/** Publishes one more snapshot of the part. */
async function addSnapshot(lake: Lake, text: string): Promise<void> {
  const draft = await lake.begin(PART, 'quotes', 1)
  await writeFile(path.join(draft.folder, 'answers.ndjson'), text)
  const files = ['answers.ndjson']
  const table = { name: 'answers', format: 'ndjson.gz', rows: 1, columns: [], extents: {}, files }
  await lake.publish(draft, {
    run: draft.version,
    attempt: 1,
    isAppended: true,
    tables: [{ ...table, format: 'ndjson.gz' }],
    code: { version: '0.1.0', sha256: '' },
    inputs: [],
    facts: {}
  })
}

describe('LakeStorage', () => {
  const scope = new OwnScope()
  let server: OwnS3
  before(async () => {
    server = await ownS3(scope)
  }, fetching)
  after(() => scope.end())

  const sites = { folder: folderSite, S3: (t: Scope) => s3Site(t, server) }
  for (const [kind, open] of Object.entries(sites)) {
    it(`${kind}: replaces a text only while it is the one that was read`, options, async (t) => {
      const { storage } = await open(t)
      for (const key of ['raw/manifest.json', ODD_KEY]) {
        assert.equal(await storage.readText(key), undefined)
        assert.equal(await storage.replaceText(key, 'a', 'no such tag'), false)
        assert.equal(await storage.replaceText(key, 'ä', null), true)
        assert.equal(await storage.replaceText(key, 'b', null), false)
        const first = await storage.readText(key)
        assert.equal(first?.text, 'ä')
        assert.equal(await storage.replaceText(key, 'c', first.tag), true)
        assert.equal(await storage.replaceText(key, 'd', first.tag), false)
        assert.equal((await storage.readText(key))?.text, 'c')
        assert.equal(await storage.replaceText(key, 'e', undefined), true)
        assert.equal((await storage.readText(key))?.text, 'e')
      }
    })

    it(`${kind}: gives the files of a folder as they were put`, options, async (t) => {
      const { storage } = await open(t)
      const texts = { 'one.ndjson.gz': 'first', 'zwei & mehr.parquet': 'zwölf', leer: ' ' }
      await storage.putFolder(await folderWith(t, texts), `${HOME}/v 1+ü`)
      for (const [name, text] of Object.entries(texts)) {
        const key = `${HOME}/v 1+ü/${name}`
        // The second time a storage may have a copy.
        for (const _ of [1, 2]) {
          const file = await storage.open(key, published(key, text))
          assert.equal(await readFile(file, 'utf8'), text)
          assert.ok(file.endsWith(name.slice(name.indexOf('.'))) || !name.includes('.'), file)
        }
      }
    })

    it(`${kind}: names a file that is missing or has changed`, options, async (t) => {
      const { storage, files } = await open(t)
      await storage.putFolder(await folderWith(t, { 'a.parquet': 'good' }), `${HOME}/v1`)
      const key = `${HOME}/v1/a.parquet`
      await writeFile(path.join(files, key), 'bad!')
      const changed = new RegExp(
        `${key}: digest ${digestOf('bad!')} found, expected .*${digestOf('good')}`
      )
      await assert.rejects(
        storage.open(key, published(key, 'good')),
        failsWith('STATE_CORRUPT', changed)
      )
      await rm(path.join(files, key))
      await assert.rejects(
        storage.open(key, published(key, 'good')),
        failsWith('STATE_CORRUPT', new RegExp(key))
      )
    })

    it(`${kind}: lists more folders than one page of a store has`, options, async (t) => {
      const { storage, files } = await open(t)
      const names = Array.from({ length: 1100 }, (_, i) => `trade_date=${i} ü&<`)
      for (const name of names) {
        await mkdir(path.join(files, 'raw/tape', name), { recursive: true })
        await writeFile(path.join(files, 'raw/tape', name, 'manifest.json'), '{}')
      }
      const found = await storage.folders('raw/tape')
      assert.deepEqual(found.toSorted(), names.toSorted())
      assert.deepEqual(await storage.folders('raw/none'), [])
    })

    it(`${kind}: tells which text has changed`, options, async (t) => {
      const { storage } = await open(t)
      const changes = () => storage.changes('raw/tape', 'manifest.json')
      assert.deepEqual(await changes(), new Map())
      for (const one of ['a b', 'ü'])
        await storage.replaceText(`raw/tape/${one}/manifest.json`, 'a', null)
      await storage.putFolder(await folderWith(t, { 'manifest.json': 'no' }), 'raw/tape/ü/v1')
      await storage.putFolder(await folderWith(t, { other: 'no' }), 'raw/tape/c')
      const earlier = await changes()
      assert.deepEqual([...earlier.keys()].toSorted(), ['a b', 'ü'])
      await storage.replaceText('raw/tape/ü/manifest.json', 'b', undefined)
      const later = await changes()
      assert.equal(later.get('a b'), earlier.get('a b'))
      assert.notEqual(later.get('ü'), earlier.get('ü'))
    })

    it(`${kind}: sweeps what was published and is not needed any more`, options, async (t) => {
      const { storage } = await open(t)
      for (const name of ['v1', 'v2', 'v3']) {
        await storage.putFolder(await folderWith(t, { a: name, b: name }), `${HOME}/${name}`)
      }
      await storage.replaceText(`${HOME}/manifest.json`, '{}', null)
      await storage.sweep(HOME, new Set(['v2', 'v3']), ['v1'])
      assert.deepEqual((await storage.folders(HOME)).toSorted(), ['v2', 'v3'])
      assert.equal((await storage.readText(`${HOME}/manifest.json`))?.text, '{}')
    })

    it(
      `${kind}: removes old dates, and takes them again when they are published`,
      options,
      async (t) => {
        const { another } = await open(t)
        const lake = await another()
        const other = await another()
        await addSnapshot(lake, 'first')
        assert.deepEqual(await lake.publications('raw'), ['quotes'])
        assert.equal(await lake.removeBefore(PART, PART.date), 0)
        assert.equal(await lake.removeBefore(PART, '2026-03-11'), 1)
        await assert.rejects(lake.read(PART), failsWith('SERVER_MISSING', /not published/))
        assert.deepEqual(await lake.dates(PART), [])
        assert.equal(await other.removeBefore(PART, '2026-03-11'), 0)
        await addSnapshot(other, 'second')
        const [file = ''] = (await lake.read(PART)).files('answers')
        assert.equal(await readFile(file, 'utf8'), 'second')
      }
    )

    it(`${kind}: keeps the snapshots of all who publish at one time`, options, async (t) => {
      const { another } = await open(t)
      const texts = Array.from({ length: 6 }, (_, i) => `snapshot ${i}\n`)
      const lakes = await Promise.all(texts.map(another))
      await Promise.all(lakes.map((lake, i) => addSnapshot(lake, texts[i] ?? '')))
      const lake = await another()
      const { files, manifest } = await lake.read(PART)
      assert.equal(manifest.tables[0]?.rows, texts.length)
      const found = await Promise.all(files('answers').map((file) => readFile(file, 'utf8')))
      assert.deepEqual(found.toSorted(), texts)
      assert.deepEqual(await lake.dates(PART), [PART.date])
    })
  }

  it('S3: leaves the files of others who may be writing, for a day', options, async (t) => {
    const { storage, files } = await s3Site(t, server)
    for (const name of ['young', 'old']) {
      await storage.putFolder(await folderWith(t, { a: name }), `${HOME}/${name}`)
    }
    const longAgo = Date.now() / 1000 - 2 * 86_400
    await utimes(path.join(files, HOME, 'old/a'), longAgo, longAgo)
    await storage.sweep(HOME, new Set(), [])
    assert.deepEqual(await storage.folders(HOME), ['young'])
  })

  it(
    'S3: tries again after 503, a cut connection, a lost answer and half an answer',
    options,
    async (t) => {
      const proxy = await forwardHttp(t, server.endpoint)
      const dir = await temporaryFolder(t)
      const LAKE_S3_URL = `${server.env['LAKE_S3_URL']}/faults`
      const location = server.location(dir, { LAKE_S3_ENDPOINT: proxy.url, LAKE_S3_URL })
      const storage = storageOf(location)
      proxy.faults.push('busy', 'cut')
      await storage.putFolder(await folderWith(t, { 'a.txt': 'x'.repeat(100_000) }), 'raw/v1')
      assert.equal(proxy.count(), 3)
      proxy.faults.push('half', 'cut', 'busy')
      const file = await storage.open('raw/v1/a.txt', published('a.txt', 'x'.repeat(100_000)))
      assert.equal((await readFile(file, 'utf8')).length, 100_000)
      proxy.faults.push('lost')
      assert.equal(await storage.replaceText('raw/manifest.json', 'a', null), true)
      const stored = await storage.readText('raw/manifest.json')
      proxy.faults.push('lost', 'cut')
      assert.equal(await storage.replaceText('raw/manifest.json', 'b', stored?.tag), true)
      proxy.faults.push('half')
      assert.deepEqual(await storage.folders('raw'), ['v1'])
      // A snapshot whose answer was lost is there once.
      const lake = openLake(location)
      await addSnapshot(lake, 'first\n')
      proxy.faults.push(...(['busy', 'busy', 'busy'] as const))
      await addSnapshot(lake, 'second\n')
      assert.equal((await lake.read(PART)).manifest.tables[0]?.rows, 2)
    }
  )

  it('S3: refuses to publish to a store that ignores conditions', options, async (t) => {
    const puts = new Map<string, string[]>()
    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const { method, url = '' } = request
      const text = await readAll(request)
      if (method === 'PUT') puts.set(url, [...(puts.get(url) ?? []), text])
      response.writeHead(method === 'GET' ? 404 : 200, { etag: '"always"' }).end()
    }
    const store = createServer((request, response) => {
      void answer(request, response)
    })
    const LAKE_S3_ENDPOINT = await onLoopback(t, store)
    const lake = openLake(server.location(await temporaryFolder(t), { LAKE_S3_ENDPOINT }))
    await assert.rejects(
      addSnapshot(lake, 'first'),
      failsWith('CONFIG_INVALID', /ignores If-None-Match, expected one with conditional PUT/)
    )
    assert.deepEqual(
      [...puts.values()],
      [['first', 'second']],
      'nothing but the question was written'
    )
  })

  it('S3: says in one line which setting is wrong', options, async (t) => {
    const dir = await temporaryFolder(t)
    const read = (more: Record<string, string>) => openLake(server.location(dir, more)).find(PART)
    assert.equal(await read({}), undefined)
    await assert.rejects(
      read({ AWS_SECRET_ACCESS_KEY: 'another-secret' }),
      failsWith(
        'CONFIG_INVALID',
        /^Cannot read s3:\/\/tape-lake\/.*: 403 SignatureDoesNotMatch .*; expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY that may/
      )
    )
    await assert.rejects(
      read({ AWS_ACCESS_KEY_ID: 'nobody' }),
      failsWith('CONFIG_INVALID', /: 403 InvalidAccessKeyId /)
    )
    for (const ask of [
      () => read({ LAKE_S3_URL: 's3://no-such-bucket/x' }),
      () => openLake(server.location(dir, { LAKE_S3_URL: 's3://no-such-bucket' })).dates(PART)
    ]) {
      await assert.rejects(
        ask(),
        failsWith(
          'SERVER_MISSING',
          /: 404 NoSuchBucket .*; expected a bucket no-such-bucket at http/
        )
      )
    }
    const LAKE_S3_ENDPOINT = `http://127.0.0.1:${await freePort()}`
    await assert.rejects(
      read({ LAKE_S3_ENDPOINT }),
      failsWith(
        'SERVER_FAILED',
        /ECONNREFUSED 127.0.0.1:\d+, expected a store that speaks S3 at http/
      )
    )
  })
})
