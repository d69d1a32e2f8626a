import { readFile } from 'node:fs/promises'
import { systemClock, type Clock } from '@tapedeck/core'
import { publicationName, type Lake } from '@tapedeck/lake'

/** A published report of a trading date. */
export interface LakeReport {
  /** Trading date, YYYY-MM-DD. */
  readonly date: string
  /** The run that published it; `by-hand` for a program that was started without one. */
  readonly run: string
  /** Epoch ms. */
  readonly publishedAt: number
}

/** Where the module `report` publishes. */
const PUBLICATION = publicationName('refined/report')
/** Dates that are looked at: more than a year of them. */
const MOST_DATES = 400

/** The reports in the lake. A manifest is read again when it was replaced. */
export class LakeReports {
  readonly #lake: Lake
  readonly #keptMs: number
  readonly #clock: Clock
  readonly #known = new Map<string, { readonly change: string; readonly report: LakeReport }>()
  #listed: { readonly atMs: number; readonly reports: Promise<LakeReport[]> } | undefined

  /** @param options.keptMs how long a list is given again, ms, also while it is read or when that has failed */
  constructor(
    lake: Lake,
    { keptMs = 0, clock = systemClock }: { readonly keptMs?: number; readonly clock?: Clock } = {}
  ) {
    this.#lake = lake
    this.#keptMs = keptMs
    this.#clock = clock
  }

  /** The newest dates first. @throws STATE_CORRUPT for a manifest that is none; what the storage of the lake throws */
  list(): Promise<LakeReport[]> {
    const atMs = this.#clock.now()
    if (this.#listed === undefined || atMs - this.#listed.atMs >= this.#keptMs) {
      this.#listed = { atMs, reports: this.#read() }
    }
    return this.#listed.reports
  }

  async #read(): Promise<LakeReport[]> {
    const changes = [...(await this.#lake.changes(PUBLICATION))].toReversed().slice(0, MOST_DATES)
    const reports = await Promise.all(changes.map(([date, change]) => this.#find(date, change)))
    return reports.flatMap((one) => one ?? [])
  }

  async #find(date: string, change: string): Promise<LakeReport | undefined> {
    const known = this.#known.get(date)
    if (known?.change === change) return known.report
    const manifest = (await this.#lake.find({ ...PUBLICATION, date }))?.manifest
    if (manifest === undefined) return undefined
    const { run, publishedAt } = manifest
    const report = { date, run, publishedAt: Date.parse(publishedAt) }
    this.#known.set(date, { change, report })
    return report
  }

  /**
   * The HTML of a date; undefined when no report of it is published.
   * @throws STATE_CORRUPT when its file is missing or differs from what the manifest says
   */
  async html(date: string): Promise<string | undefined> {
    const part = { ...PUBLICATION, date }
    if ((await this.#lake.find(part)) === undefined) return undefined
    const [file = ''] = (await this.#lake.read(part)).files('html')
    return readFile(file, 'utf8')
  }
}
