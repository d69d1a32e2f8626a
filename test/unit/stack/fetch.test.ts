import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fetchInto, sha512In, silentProgress, type Fetch } from '@tapedeck/stack/testing'

const { signal } = new AbortController()

async function emptyCache(
  t: TestContext
): Promise<{ cacheDir: string; progress: typeof silentProgress }> {
  const cacheDir = await mkdtemp(path.join(tmpdir(), 'tapedeck-cache-'))
  t.after(() => rm(cacheDir, { recursive: true, force: true }))
  return { cacheDir, progress: silentProgress }
}

function fetchOf(text: string, before: () => Promise<unknown> = () => Promise.resolve()): Fetch {
  return {
    name: 'thing',
    announcement: 'Fetching a thing',
    async fill(folder) {
      await writeFile(path.join(folder, 'a'), text)
      await before()
      await writeFile(path.join(folder, 'b'), text)
    }
  }
}

describe('fetchInto()', () => {
  it('keeps a complete folder and does not fetch it again', async (t) => {
    const cache = await emptyCache(t)
    const folder = await fetchInto(cache, fetchOf('first'), signal)
    await fetchInto(cache, fetchOf('second'), signal)
    assert.equal(await readFile(path.join(folder, 'b'), 'utf8'), 'first')
    assert.deepEqual(await readdir(cache.cacheDir), ['thing'])
  })

  it('gives two fetches at the same time one complete folder', async (t) => {
    const cache = await emptyCache(t)
    const both = Promise.withResolvers<void>()
    let waiting = 0
    const meet = (): Promise<void> => {
      if (++waiting === 2) both.resolve()
      return both.promise
    }
    const folders = await Promise.all(
      ['one', 'two'].map((text) => fetchInto(cache, fetchOf(text, meet), signal))
    )
    assert.equal(new Set(folders).size, 1)
    const texts = await Promise.all(
      ['a', 'b'].map((name) => readFile(path.join(cache.cacheDir, 'thing', name), 'utf8'))
    )
    assert.equal(texts[0], texts[1])
    assert.deepEqual(await readdir(cache.cacheDir), ['thing'])
  })

  it('leaves nothing behind when it fails', async (t) => {
    const cache = await emptyCache(t)
    const failing = fetchOf('x', () => Promise.reject(new Error('the line is cut')))
    await assert.rejects(fetchInto(cache, failing, signal), {
      code: 'DOWNLOAD_FAILED',
      message: 'Cannot fetch thing: the line is cut'
    })
    assert.deepEqual(await readdir(cache.cacheDir), [])
  })

  it('says what it fetches before it does', async (t) => {
    const told: string[] = []
    const progress = { say: (text: string) => void told.push(text), warn: () => undefined }
    const toldBefore: number[] = []
    const noting = fetchOf('x', () => Promise.resolve(toldBefore.push(told.length)))
    const cache = await emptyCache(t)
    await fetchInto({ ...cache, progress }, noting, signal)
    assert.equal(told[0], `Fetching a thing, into ${cache.cacheDir}`)
    assert.deepEqual(toldBefore, [1])
  })
})

describe('sha512In()', () => {
  const hash = '0123456789abcdef'.repeat(8)

  it('reads both forms of a checksum file', () => {
    assert.equal(sha512In(`${hash}  file.tgz\n`), hash)
    const groups = hash.toUpperCase().match(/.{8}/g) ?? []
    const spaced = `file.tgz: ${groups.slice(0, 8).join(' ')}\n    ${groups.slice(8).join(' ')}\n`
    assert.equal(sha512In(spaced), hash)
  })

  it('refuses a page that is no checksum file', () => {
    assert.throws(() => sha512In('<html>404</html>'), { code: 'CHECKSUM_MISMATCH' })
  })
})
