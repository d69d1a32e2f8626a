import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import path from 'node:path'
import { Transform } from 'node:stream'
import { text as readAll } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { TapedeckError } from '@tapedeck/core'
import { digestOf, digestOfFile } from './folder-storage.ts'
import type { PublishedFile } from './manifest.ts'
import { S3Bucket, type S3Content, type S3Location } from './s3-bucket.ts'
import { parseListing, type S3Listing } from './s3-listing.ts'
import type { LakeStorage, StoredText } from './storage.ts'

/** The most of one upload in S3. */
const MOST_BYTES = 5 * 1024 ** 3
/** A folder that no manifest has named for so long belongs to a process that is gone. */
const DRAFT_KEPT_MS = 86_400_000
/** Copies on this machine that nobody has read for so long are removed. */
const COPY_KEPT_MS = 7 * 86_400_000
const COPIES = '.copies'

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.json': 'application/json'
}

/**
 * A lake in an object store. A text is replaced by a conditional PUT, so no lock is needed: of several publishers one is
 * first, and the others are told. Files are read from copies on this machine, named by their digest and compared with it.
 */
export class S3Storage implements LakeStorage {
  readonly name: string
  readonly #bucket: S3Bucket
  readonly #copies: string
  #hasConditions = false

  /** @param dir a folder of this machine, for the copies */
  constructor(location: S3Location, dir: string) {
    this.#bucket = new S3Bucket(location)
    this.#copies = path.join(dir, COPIES)
    this.name = this.#bucket.name
  }

  readText(key: string): Promise<StoredText | undefined> {
    return this.#bucket.askUnless({ method: 'GET', key }, [404], async (answer) => ({
      text: await readAll(answer),
      tag: answer.headers.etag ?? ''
    }))
  }

  async replaceText(key: string, text: string, tag: string | null | undefined): Promise<boolean> {
    const bytes = Buffer.byteLength(text)
    const content: S3Content = { bytes, sha256: digestOf(text), open: () => text }
    const condition = tag === null ? { 'if-none-match': '*' } : { 'if-match': tag ?? '' }
    const headers = { ...(tag !== undefined && condition), ...contentType(key) }
    // 404: what it would replace is gone; 409: another replaces it at this moment.
    const late = tag === undefined ? [] : [404, 409, 412]
    const request = { method: 'PUT', key, headers, content } as const
    const isWritten = await this.#bucket.askUnless(request, late, () => Promise.resolve(true))
    // A try whose answer was lost may have written it.
    return isWritten === true || (await this.readText(key))?.text === text
  }

  async putFolder(folder: string, key: string): Promise<void> {
    for (const name of await readdir(folder))
      await this.#put(path.join(folder, name), `${key}/${name}`)
  }

  async #put(file: string, key: string): Promise<void> {
    const { size: bytes } = await stat(file)
    if (bytes > MOST_BYTES) {
      throw new TapedeckError(
        'STATE_CORRUPT',
        `Cannot write ${this.name}/${key}: ${bytes} bytes found, expected at most ${MOST_BYTES}, the most of one upload`
      )
    }
    const sha256 = await digestOfFile(file)
    const content = { bytes, sha256, open: () => createReadStream(file) }
    const headers = contentType(key)
    await this.#bucket.ask({ method: 'PUT', key, headers, content }, () => Promise.resolve())
  }

  async open(key: string, file: PublishedFile): Promise<string> {
    const copy = path.join(this.#copies, `${file.sha256}${extension(key)}`)
    if ((await digestOfFile(copy).catch(() => undefined)) === file.sha256) {
      const now = new Date()
      await utimes(copy, now, now)
      return copy
    }
    await mkdir(this.#copies, { recursive: true })
    await this.#removeOldCopies()
    const partial = `${copy}.${randomBytes(4).toString('hex')}.partial`
    try {
      const is = await this.#download(key, file.bytes, partial)
      if (is !== file.sha256) {
        throw new TapedeckError(
          'STATE_CORRUPT',
          `Cannot read ${this.name}/${key}: ${is === undefined ? 'no object' : `digest ${is}`} found, expected digest ${file.sha256} as its manifest ` +
            'says; run the step that writes it again'
        )
      }
      await rename(partial, copy)
    } finally {
      await rm(partial, { force: true })
    }
    return copy
  }

  /** Returns the digest of what was written; undefined when there is no such object. */
  #download(key: string, answerBytes: number, to: string): Promise<string | undefined> {
    return this.#bucket.askUnless({ method: 'GET', key, answerBytes }, [404], async (answer) => {
      const hash = createHash('sha256')
      const hashing = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk)
          done(null, chunk)
        }
      })
      await pipeline(answer, hashing, createWriteStream(to))
      return hash.digest('hex')
    })
  }

  async folders(key: string): Promise<string[]> {
    const beneath = `${this.#bucket.keyOf(key)}/`
    const names: string[] = []
    for await (const { prefixes } of this.#list(beneath, '/')) {
      names.push(...prefixes.map((prefix) => prefix.slice(beneath.length, -1)))
    }
    return names
  }

  async changes(key: string, name: string): Promise<ReadonlyMap<string, string>> {
    const beneath = `${this.#bucket.keyOf(key)}/`
    const found = new Map<string, string>()
    for await (const { objects } of this.#list(beneath)) {
      for (const { key: one, tag } of objects) {
        const [folder = '', ...rest] = one.slice(beneath.length).split('/')
        if (rest.join('/') === name) found.set(folder, tag)
      }
    }
    return found
  }

  async sweep(key: string, kept: ReadonlySet<string>, retired: readonly string[]): Promise<void> {
    const beneath = `${this.#bucket.keyOf(key)}/`
    const objects = new Map<string, { readonly keys: string[]; writtenMs: number }>()
    for await (const page of this.#list(beneath)) {
      for (const { key: found, writtenMs } of page.objects) {
        const within = found.slice(beneath.length)
        const folder = within.slice(0, Math.max(0, within.indexOf('/')))
        if (folder === '' || kept.has(folder)) continue
        const one = objects.get(folder) ?? { keys: [], writtenMs: 0 }
        one.keys.push(`${key}/${within}`)
        one.writtenMs = Math.max(one.writtenMs, writtenMs)
        objects.set(folder, one)
      }
    }
    for (const [folder, { keys, writtenMs }] of objects) {
      // Another process may be writing what is young and never was published.
      if (!retired.includes(folder) && Date.now() - writtenMs < DRAFT_KEPT_MS) continue
      for (const one of keys) await this.#delete(one)
    }
  }

  async remove(key: string, name: string, retired: readonly string[]): Promise<void> {
    await this.#delete(`${key}/${name}`)
    await this.sweep(key, new Set(), retired)
  }

  async #delete(key: string): Promise<void> {
    await this.#bucket.askUnless({ method: 'DELETE', key }, [404], () => Promise.resolve())
  }

  /** @throws CONFIG_INVALID for a store that replaces what a condition protects: nothing else keeps publishers apart */
  async exclusively<T>(_key: string, work: () => Promise<T>): Promise<T> {
    if (!this.#hasConditions) await this.#checkConditions()
    return work()
  }

  /** Once a process: writes a text that must be new, twice. */
  async #checkConditions(): Promise<void> {
    const key = `.conditions/${randomBytes(8).toString('hex')}`
    await this.replaceText(key, 'first', null)
    const isIgnored = await this.replaceText(key, 'second', null)
    await this.#delete(key)
    this.#hasConditions = !isIgnored
    if (this.#hasConditions) return
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot publish to ${this.name}: its store ignores If-None-Match, expected one with conditional PUT, because ` +
        'publishers would overwrite one another (docs/lake.md)'
    )
  }

  async *#list(prefix: string, delimiter?: string): AsyncGenerator<S3Listing> {
    let next: string | undefined
    do {
      const query = {
        'list-type': '2',
        prefix,
        ...(delimiter !== undefined && { delimiter }),
        ...(next !== undefined && { 'continuation-token': next })
      }
      const page = await this.#bucket.ask({ method: 'GET', query }, async (answer) =>
        parseListing(await readAll(answer))
      )
      yield page
      next = page.next
    } while (next !== undefined)
  }

  async #removeOldCopies(): Promise<void> {
    for (const name of await readdir(this.#copies)) {
      const copy = path.join(this.#copies, name)
      const { mtimeMs } = await stat(copy).catch(() => ({ mtimeMs: Infinity }))
      if (Date.now() - mtimeMs > COPY_KEPT_MS) await rm(copy, { force: true })
    }
  }
}

/** From the first dot of a file's name on: DuckDB tells by it how a file is compressed. */
function extension(key: string): string {
  const name = path.posix.basename(key)
  const dot = name.indexOf('.')
  return dot === -1 ? '' : name.slice(dot)
}

function contentType(key: string): Readonly<Record<string, string>> {
  const type = CONTENT_TYPES[path.posix.extname(key)]
  return type === undefined ? {} : { 'content-type': type }
}
