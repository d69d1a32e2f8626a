import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { backtestCommand, runBacktest, type BacktestResult } from '@tapedeck/tools/testing'
import { normals } from '../../../support/random-numbers.ts'

/** 2026-03-10 00:00 UTC. */
export const DAY_MS = Date.UTC(2026, 2, 10)
export const MINUTE_MS = 60_000

export interface TapeLine {
  readonly s: string
  readonly p: number
  readonly t: number
  readonly v: number
  readonly c: null
}

/** A symbol that trades round the clock, with one trade a minute at the prices of `priceAt`. */
export function minutely(count: number, priceAt: (minute: number) => number): TapeLine[] {
  return Array.from({ length: count }, (_, minute) => ({
    s: 'BINANCE:BTCUSDT',
    p: Math.round(priceAt(minute) * 100) / 100,
    t: DAY_MS + minute * MINUTE_MS + 30_000,
    v: 1,
    c: null
  }))
}

export function walk(count: number, seed: number): TapeLine[] {
  const normal = normals(seed)
  let price = 60_000
  return minutely(count, () => (price += 20 * normal()))
}

export async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), 'tapedeck-backtest-'))
  t.after(() => rm(made, { recursive: true, force: true, maxRetries: 3 }))
  return made
}

/** Writes a tape file; a name that ends with `.gz` gzips it. */
export async function written(
  t: TestContext,
  lines: readonly (object | string)[],
  name = 'tape.ndjson'
): Promise<string> {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
  const content = `${text.join('\n')}\n`
  const file = path.join(await folder(t), name)
  await writeFile(file, name.endsWith('.gz') ? gzipSync(content) : content)
  return file
}

export async function backtest(...args: string[]): Promise<BacktestResult> {
  const read = backtestCommand.read(args)
  if (read === 'help') throw new Error('help was asked for')
  return runBacktest(read, {
    env: {},
    terminal: { progress: () => undefined },
    now: () => performance.now()
  })
}

/** The part of a result that is the same in every run. */
export function lasting({ speed: _speed, source: _source, ...rest }: BacktestResult): object {
  return rest
}
