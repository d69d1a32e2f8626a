/**
 * `npm run chaos -- --kills 100 --seed n`: plays a recorded day through the whole pipeline while its
 * processes are killed at random, and compares every trade, bar and forecast. Exit code 0 only when nothing is
 * lost, repeated or different (docs/chaos.md).
 */
import { access } from 'node:fs/promises'
import path from 'node:path'
import { runCommand, stopSignal, TapedeckError, type Terminal } from '@tapedeck/core'
import { createProgress } from '@tapedeck/stack/testing'
import { chaosCommand, type ChaosArguments } from './arguments.ts'
import { loadTape } from './feed-file.ts'
import { report } from './report.ts'
import { runChaos } from './run-chaos.ts'

const RECORDED_DAY = '../shared/data/us4-lean-20131008.ndjson.gz'
const SECONDS_A_KILL = 4
/** An election, and a broker that is refused until its old session has expired, take longer than a restart. */
const SECONDS_A_KILL_IN_CLUSTER = 15
/** Outages take half of it. */
const SECONDS_A_KILL_IN_PRESENT = 10
/** Longer than a bar of a minute, and not longer than an eighth of the tape. */
const LONGEST_OUTAGE_MS = 75_000
const OUTAGE_SHARE = 0.125
const LEAST_RATE = 100
const MOST_RATE = 5000
/** Three of each server share the cores; a killed mongod replays what the others have meanwhile. */
const MOST_RATE_IN_CLUSTER = 500
/** In the present the time of a run is that of its bars, so it ends before a long tape does. */
const MOST_RATE_IN_PRESENT = 400

async function main(given: ChaosArguments, terminal: Terminal): Promise<0 | 1> {
  const root = path.resolve(import.meta.dirname, '../../..')
  const tape = given.tape ?? path.resolve(root, RECORDED_DAY)
  if (!(await exists(tape))) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      given.tape === undefined
        ? `There is no recorded day at ${RECORDED_DAY} (from the project's folder), expected it there or a tape of yours with --tape FILE`
        : `Cannot read the tape: '${tape}' is not there, expected a .ndjson or .ndjson.gz file`
    )
  }
  const beside = tape.replace(/\.ndjson(\.gz)?$/, '.bars1m.csv.gz')
  const referenceFile = beside !== tape && (await exists(beside)) ? beside : undefined
  const all = await loadTape(tape, given.symbols)
  const secondsAKill = given.isCluster
    ? SECONDS_A_KILL_IN_CLUSTER
    : given.isPresent
      ? SECONDS_A_KILL_IN_PRESENT
      : SECONDS_A_KILL
  const seconds = Math.max(1, given.kills) * secondsAKill
  const mostRate = given.isCluster
    ? MOST_RATE_IN_CLUSTER
    : given.isPresent
      ? MOST_RATE_IN_PRESENT
      : MOST_RATE
  const even = Math.round(Math.min(mostRate, Math.max(LEAST_RATE, all.length / seconds)))
  const tradesPerSecond = given.rate ?? even
  const trades = given.isPresent ? all.slice(0, seconds * tradesPerSecond) : all
  const longestOutageMs = given.isPresent
    ? Math.min(LONGEST_OUTAGE_MS, (trades.length / tradesPerSecond) * 1000 * OUTAGE_SHARE)
    : undefined
  terminal.note(
    `seed ${given.seed}, ${given.kills} kills, ${trades.length} trades at ${tradesPerSecond} a second`
  )
  const result = await runChaos({
    trades,
    ...(referenceFile !== undefined && { referenceFile }),
    kills: given.kills,
    isCluster: given.isCluster,
    ...(longestOutageMs !== undefined && { longestOutageMs }),
    seed: given.seed,
    spared: given.spared,
    tradesPerSecond,
    consumers: given.consumers,
    progress: createProgress((text) => process.stderr.write(text)),
    signal: stopSignal(),
    onNote: terminal.note
  })
  terminal.write(report(result))
  if (given.isJson) terminal.write(`${JSON.stringify({ file: tape, ...result })}\n`)
  return result.holds ? 0 : 1
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file)
    return true
  } catch {
    return false
  }
}

await runCommand({ ...chaosCommand, run: main })
