import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fetchInto, silentProgress, type Fetch } from '@tapedeck/stack'

const context = { progress: silentProgress, signal: new AbortController().signal }

async function cacheDir(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-cache-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
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
  it('keeps what is whole and does not fetch it again', async (t) => {
    const cache = await cacheDir(t)
    const folder = await fetchInto(cache, fetchOf('first'), context)
    await fetchInto(cache, fetchOf('second'), context)
    assert.equal(await readFile(path.join(folder, 'b'), 'utf8'), 'first')
    assert.deepEqual(await readdir(cache), ['thing'])
  })

  it('gives both of two fetches at the same time one whole folder', async (t) => {
    const cache = await cacheDir(t)
    const both = Promise.withResolvers<void>()
    let waiting = 0
    const meet = (): Promise<void> => {
      if (++waiting === 2) both.resolve()
      return both.promise
    }
    const folders = await Promise.all(
      ['one', 'two'].map((text) => fetchInto(cache, fetchOf(text, meet), context))
    )
    assert.equal(new Set(folders).size, 1)
    const texts = await Promise.all(
      ['a', 'b'].map((name) => readFile(path.join(cache, 'thing', name), 'utf8'))
    )
    assert.equal(texts[0], texts[1])
    assert.deepEqual(await readdir(cache), ['thing'])
  })

  it('leaves nothing behind when it fails', async (t) => {
    const cache = await cacheDir(t)
    const failing = fetchOf('x', () => Promise.reject(new Error('the line is cut')))
    await assert.rejects(fetchInto(cache, failing, context), {
      code: 'DOWNLOAD_FAILED',
      message: 'Cannot fetch thing: the line is cut'
    })
    assert.deepEqual(await readdir(cache), [])
  })

  it('says what it fetches before it does', async (t) => {
    const told: string[] = []
    const progress = { say: (text: string) => void told.push(text), warn: () => undefined }
    const toldBefore: number[] = []
    const noting = fetchOf('x', () => Promise.resolve(toldBefore.push(told.length)))
    const cache = await cacheDir(t)
    await fetchInto(cache, noting, { ...context, progress })
    assert.equal(told[0], `Fetching a thing, into ${cache}`)
    assert.deepEqual(toldBefore, [1])
  })
})
