import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { fullJitter, hasCode, retry, takeLock, TapedeckError } from '@tapedeck/core'
import type { PublishedFile } from './manifest.ts'
import type { LakeStorage, StoredText } from './storage.ts'

const LOCKS = '.locks'
const LOCK_LIMIT_MS = 30_000
const lockJitterMs = fullJitter({ baseMs: 50, capMs: 500 })

/** A lake in a folder. Whoever changes a key holds the lock of it; a killed process holds none. */
export class FolderStorage implements LakeStorage {
  readonly name: string

  constructor(dir: string) {
    this.name = dir
  }

  async readText(key: string): Promise<StoredText | undefined> {
    try {
      const text = await readFile(this.#file(key), 'utf8')
      return { text, tag: digestOf(text) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  async replaceText(key: string, text: string, tag: string | null | undefined): Promise<boolean> {
    const file = this.#file(key)
    await mkdir(path.dirname(file), { recursive: true })
    if (tag !== undefined && ((await this.readText(key))?.tag ?? null) !== tag) return false
    const partial = `${file}.${randomBytes(4).toString('hex')}.partial`
    const handle = await open(partial, 'w')
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(partial, file)
    await syncFolder(path.dirname(file))
    return true
  }

  async putFolder(folder: string, key: string): Promise<void> {
    const target = this.#file(key)
    await syncFolder(folder)
    await mkdir(path.dirname(target), { recursive: true })
    await rename(folder, target)
    await syncFolder(path.dirname(target))
  }

  async open(key: string, { sha256 }: PublishedFile): Promise<string> {
    const file = this.#file(key)
    const is = await digestOfFile(file).catch((error: NodeJS.ErrnoException) => error.code)
    if (is === sha256) return file
    throw new TapedeckError(
      'STATE_CORRUPT',
      `Cannot read ${file}: digest ${is} found, expected ${sha256} as its manifest says; ` +
        'run the step that writes it again'
    )
  }

  async folders(key: string): Promise<string[]> {
    const entries = await readdir(this.#file(key), { withFileTypes: true }).catch(() => [])
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  }

  async changes(key: string, name: string): Promise<ReadonlyMap<string, string>> {
    const found = (await this.folders(key)).map(async (folder): Promise<[string, string][]> => {
      const file = this.#file(`${key}/${folder}/${name}`)
      const stats = await stat(file, { bigint: true }).catch(() => undefined)
      return stats === undefined ? [] : [[folder, `${stats.mtimeNs}-${stats.ino}`]]
    })
    return new Map((await Promise.all(found)).flat())
  }

  /** Whoever writes here holds the lock, so every other folder belongs to a process that is gone. */
  async sweep(key: string, kept: ReadonlySet<string>): Promise<void> {
    for (const name of await this.folders(key)) {
      if (!kept.has(name)) await rm(this.#file(`${key}/${name}`), { recursive: true, force: true })
    }
    for (const name of await readdir(this.#file(key))) {
      if (name.endsWith('.partial')) await rm(this.#file(`${key}/${name}`), { force: true })
    }
  }

  /** Whoever removes here holds the lock, so nobody writes. */
  async remove(key: string, name: string): Promise<void> {
    await rm(this.#file(`${key}/${name}`), { force: true })
    await rm(this.#file(key), { recursive: true, force: true })
  }

  async exclusively<T>(key: string, work: () => Promise<T>): Promise<T> {
    const file = this.#file(`${LOCKS}/${key.replaceAll('/', '.')}.lock`)
    await mkdir(path.dirname(file), { recursive: true })
    await retry(() => takeLock(file, 'LAKE_DIR'), {
      delayMs: lockJitterMs,
      limitMs: LOCK_LIMIT_MS,
      isRetryable: (error) => hasCode(error, 'DATA_DIR_IN_USE')
    }).catch((cause: unknown) => {
      if (!hasCode(cause, 'DATA_DIR_IN_USE')) throw cause
      throw new TapedeckError(
        'RUN_IN_PROGRESS',
        `Cannot publish ${key}: another process publishes it`,
        { cause }
      )
    })
    try {
      return await work()
    } finally {
      await rm(file, { force: true })
    }
  }

  #file(key: string): string {
    return path.join(this.name, key)
  }
}

/** SHA-256 in hexadecimal digits. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The same of a file. @throws what the file system says */
export async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** The names in a folder are on the disk when it returns. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
