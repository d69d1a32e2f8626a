import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'

/** A published report of a trading date. */
export interface LakeReport {
  /** Trading date, YYYY-MM-DD. */
  readonly date: string
  /** The run that published it; `by-hand` for a program that was started without one. */
  readonly run: string
  /** Epoch ms. */
  readonly publishedAt: number
}

/** A report with the file that its manifest names. */
interface Found extends LakeReport {
  readonly file: string
  readonly sha256: string
}

/** What this reads of a manifest; docs/lake.md has all of it. */
interface Manifest {
  readonly format?: unknown
  readonly run?: unknown
  readonly publishedAt?: unknown
  readonly tables?: readonly {
    readonly name?: unknown
    readonly files?: readonly { readonly path?: unknown; readonly sha256?: unknown }[]
  }[]
}

/** Where the module `report` publishes, below LAKE_DIR. */
const PUBLICATION = path.join('refined', 'report')
const FOLDER = /^trade_date=(\d{4}-\d{2}-\d{2})$/
/** Dates that are looked at: more than a year of them. */
const MOST_DATES = 400

/**
 * The reports in the lake. Like every reader of the lake it looks for manifests and never for files: what no manifest names
 * may be incomplete or outdated. A manifest is read again when it was replaced.
 */
export class LakeReports {
  readonly #folder: string
  readonly #known = new Map<string, { readonly changedMs: number; readonly found: Found }>()

  /** @param lakeDir LAKE_DIR; it need not exist */
  constructor(lakeDir: string) {
    this.#folder = path.join(lakeDir, PUBLICATION)
  }

  /** The newest dates first. @throws STATE_CORRUPT for a manifest that is none */
  async list(): Promise<LakeReport[]> {
    const names = await readdir(this.#folder).catch(ignoreMissing)
    const dates = (names ?? []).flatMap((name) => FOLDER.exec(name)?.[1] ?? [])
    const found = await Promise.all(
      dates
        .toSorted()
        .toReversed()
        .slice(0, MOST_DATES)
        .map((date) => this.#find(date))
    )
    return found.flatMap((one) => {
      if (one === undefined) return []
      const { date, run, publishedAt } = one
      return [{ date, run, publishedAt }]
    })
  }

  /**
   * The HTML of a date; undefined when no report of it is published.
   * @throws STATE_CORRUPT when its file is missing or differs from what the manifest says
   */
  async html(date: string): Promise<string | undefined> {
    const found = await this.#find(date)
    if (found === undefined) return undefined
    const content = await readFile(found.file).catch(ignoreMissing)
    const is = content && createHash('sha256').update(content).digest('hex')
    if (is === found.sha256) return content?.toString('utf8')
    // Two versions may have been published since the manifest was read: the files of the one before the last are removed.
    const now = await this.#find(date)
    if (now !== undefined && now.sha256 !== found.sha256) return this.html(date)
    const state = is === undefined ? 'missing' : `of digest ${is}`
    throw new TapedeckError(
      'STATE_CORRUPT',
      `Cannot read the report of ${date}: its file is ${state}, expected digest ${found.sha256}; run the report again`
    )
  }

  async #find(date: string): Promise<Found | undefined> {
    const home = path.join(this.#folder, `trade_date=${date}`)
    const file = path.join(home, 'manifest.json')
    const changed = await stat(file).catch(ignoreMissing)
    if (changed === undefined) return undefined
    const known = this.#known.get(date)
    if (known?.changedMs === changed.mtimeMs) return known.found
    const text = await readFile(file, 'utf8').catch(ignoreMissing)
    if (text === undefined) return undefined
    const found = foundIn(text, date, home)
    this.#known.set(date, { changedMs: changed.mtimeMs, found })
    return found
  }
}

function foundIn(text: string, date: string, home: string): Found {
  const bad = (what: string): TapedeckError =>
    new TapedeckError(
      'STATE_CORRUPT',
      `Cannot read the report of ${date}: its manifest has ${what}, expected one that the module report has written`
    )
  let manifest: Manifest
  try {
    manifest = JSON.parse(text) as Manifest
  } catch {
    throw bad('no JSON')
  }
  if (manifest.format !== 1) throw bad(`format ${JSON.stringify(manifest.format)}`)
  const { path: name, sha256 } =
    manifest.tables?.find((one) => one.name === 'html')?.files?.[0] ?? {}
  const file = typeof name === 'string' ? path.join(home, name) : ''
  if (!file.startsWith(home + path.sep) || typeof sha256 !== 'string') throw bad('no HTML file')
  const publishedAt = Date.parse(String(manifest.publishedAt))
  if (Number.isNaN(publishedAt)) throw bad('no time')
  return { date, run: String(manifest.run), publishedAt, file, sha256 }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
}
