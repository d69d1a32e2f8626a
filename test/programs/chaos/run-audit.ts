import { spawn } from 'node:child_process'
import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'
import { tradingDateAt } from '@tapedeck/domain'
import type { Database } from '@tapedeck/mongo'
import type { Findings } from './findings.ts'
import type { TopicTrade } from './topic-truth.ts'

/** What `npm run audit` says of every trading date of a run. */
export interface AuditCheck {
  readonly dates: readonly string[]
  readonly bars: number
  readonly equal: number
  /** May still change, and are not compared. */
  readonly open: number
  readonly differences: number
}

/** The last line of an audit with --json. */
interface AuditAnswer {
  readonly symbols: readonly Readonly<Record<'bars' | 'equal' | 'open', number>>[]
  readonly differences: readonly Readonly<
    Record<'kind' | 'symbol' | 'timeframe' | 'start' | 'explanation', string>
  >[]
}

const ROOT = path.resolve(import.meta.dirname, '../../..')
const COMMAND = ['services/stack/src/launch.js', 'services/tools/src/audit-main.ts']

/** Bars of a partition whose checkpoint is younger may still be in the memory of a consumer. */
const RECENT_MS = 60_000

/**
 * Saves the minute after the consumers have ended, in which the audit takes them for running and does not compare
 * the newest bars.
 */
export async function ageCheckpoints({
  checkpoints
}: Pick<Database, 'checkpoints'>): Promise<void> {
  await checkpoints.updateMany({}, { $set: { updatedAt: new Date(Date.now() - RECENT_MS) } })
}

/**
 * Runs the audit over the trading dates of these trades, as a process of its own like that of a user.
 *
 * @param env of the consumers: the audit needs their rules and their database
 * @throws SERVER_FAILED when it ends without a verdict
 */
export async function runAudit(
  truth: readonly Pick<TopicTrade, 'symbol' | 't'>[],
  env: Readonly<Record<string, string>>,
  findings: Findings,
  signal: AbortSignal
): Promise<AuditCheck> {
  const dates = new Set(truth.map(({ symbol, t }) => tradingDateAt(symbol, t).tradeDate))
  const check = { dates: [...dates].sort(), bars: 0, equal: 0, open: 0, differences: 0 }
  for (const date of check.dates) {
    const { symbols, differences } = await auditOf(date, env, signal)
    for (const { bars, equal, open } of symbols) {
      check.bars += bars
      check.equal += equal
      check.open += open
    }
    check.differences += differences.length
    for (const { kind, symbol, timeframe, start, explanation } of differences) {
      findings.add('audit', `audit ${symbol} ${timeframe} ${start} ${kind}: ${explanation}`)
    }
  }
  return check
}

async function auditOf(
  date: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal
): Promise<AuditAnswer> {
  const child = spawn(process.execPath, [...COMMAND, '--date', date, '--json'], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal
  })
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const ended = Promise.withResolvers<number | null>()
  child.once('error', ended.reject)
  child.once('close', ended.resolve)
  const code = await ended.promise
  const last = output.trimEnd().split('\n').at(-1) ?? ''
  if ((code === 0 || code === 1) && last.startsWith('{')) return JSON.parse(last) as AuditAnswer
  throw new TapedeckError(
    'SERVER_FAILED',
    `The audit of ${date} ended with exit code ${code} and no verdict:\n${output}${errors}`
  )
}
