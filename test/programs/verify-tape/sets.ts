import { access, readdir } from 'node:fs/promises'
import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'
import { computeReferenceBars, readReferenceBars, type ReferenceBar } from './reference-bars.ts'
import type { Redelivered } from './tape-totals.ts'

/** A recorded tape with what is to be known of it before it is played. */
export interface TapeSet {
  /** The file's name without its ending. */
  readonly name: string
  readonly tape: string
  /** Where its reference bars are; undefined: they are computed from the tape by other means. */
  readonly bars: string | undefined
  readonly redelivered: Redelivered
  readonly note: string
}

/** Recorded tapes live beside the project, never in it. */
export const SETS_FOLDER = path.resolve(import.meta.dirname, '../../../../shared/data')

const TAPE_ENDING = /\.ndjson(\.gz)?$/
const BARS_ENDING = '.bars1m.csv.gz'

/** What sets apart a set whose reference follows another rule. */
const PECULIAR: Readonly<Record<string, Partial<Pick<TapeSet, 'redelivered' | 'note'>>>> = {
  'aapl-a-nxcore-20140203-shuffled': {
    redelivered: 'keep',
    note: 'REDELIVERED=keep: the reference counts the one repeated id twice'
  },
  'derived-binance-spot-redelivered': { note: 'reference: first delivery of each id' },
  'finnhub-genuine-frames': { note: 'whole frames; bars of finnhub-genuine-flat' }
}

/** The set of one tape; reference bars stand beside it unless named. @throws TAPE_INVALID */
export async function tapeSet(tape: string, givenBars?: string): Promise<TapeSet> {
  if (!(await isThere(tape))) throw missing('the tape', tape)
  if (givenBars !== undefined && !(await isThere(givenBars))) {
    throw missing('reference bars', givenBars)
  }
  const name = path.basename(tape).replace(TAPE_ENDING, '')
  const beside = path.join(path.dirname(tape), name + BARS_ENDING)
  // Raw frames share the bars of their flattened trades.
  const candidates = [beside, beside.replace('-frames.', '-flat.')]
  let bars = givenBars
  for (const candidate of candidates) {
    if (bars === undefined && (await isThere(candidate))) bars = candidate
  }
  return { name, tape, bars, redelivered: 'drop', note: '', ...PECULIAR[name] }
}

/**
 * Every tape of a folder that has reference bars, by name.
 * @throws CONFIG_INVALID when there is no such folder or nothing in it
 */
export async function findSets(folder: string): Promise<readonly TapeSet[]> {
  const files = await readdir(folder).catch(() => [])
  const tapes = files.filter((file) => TAPE_ENDING.test(file)).toSorted()
  const sets = await Promise.all(tapes.map((file) => tapeSet(path.join(folder, file))))
  const complete = sets.filter(({ bars }) => bars !== undefined)
  if (complete.length > 0) return complete
  throw new TapedeckError(
    'CONFIG_INVALID',
    `Cannot verify: no recorded tapes in '${path.relative(process.cwd(), folder)}', ` +
      `expected NAME.ndjson.gz files with NAME${BARS_ENDING} beside them; or name a tape: npm run verify:tape -- FILE`
  )
}

export async function referenceOf({ tape, bars }: TapeSet): Promise<ReferenceBar[]> {
  return bars === undefined ? computeReferenceBars(tape) : readReferenceBars(bars)
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false
  )
}

function missing(what: string, file: string): TapedeckError {
  return new TapedeckError('TAPE_INVALID', `Cannot read ${what}: '${file}' is not there`)
}
