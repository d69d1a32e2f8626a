/**
 * `npm run verify:tape [-- FILE...]`: plays recorded tapes through the whole pipeline and compares
 * what is stored with reference bars. Exit code 0 only when all is equal, 2 when there is no tape.
 */
import { parseArgs } from 'node:util'
import { hasCode, messageOf } from '@tapedeck/core'
import { createProgress } from '@tapedeck/stack'
import { servers, startTestServers } from '../../support/servers.ts'
import { fullReport, tableHead, tableRow, type SetResult } from './report.ts'
import { findSets, referenceOf, SETS_FOLDER, tapeSet, type TapeSet } from './sets.ts'
import { verifyTape } from './verify-tape.ts'

const USAGE = `Usage: npm run verify:tape -- [FILE...] [--bars FILE] [--json] [--profile DIR]

  FILE...         tapes, .ndjson or .ndjson.gz: a trade or a Finnhub frame a line; none: every tape
                  beside the project (../shared/data) that has reference bars
  --bars FILE     reference 1-minute bars (CSV) of the one tape; default: the file of the same name
                  that ends in .bars1m.csv.gz, else bars computed from the tape by other means
  --json          the last line is one JSON object with the figures of every tape
  --profile DIR   writes a CPU profile of each process
`

interface RunOptions {
  readonly sets: readonly TapeSet[]
  readonly profileDir: string | undefined
  readonly signal: AbortSignal
}

/** One pair of servers for all sets, each with a topic and a database of its own. */
async function run({ sets, profileDir, signal }: RunOptions): Promise<SetResult[]> {
  const say = (text: string): void => void process.stderr.write(text)
  const running = await startTestServers({ progress: createProgress(say), signal })
  const results: SetResult[] = []
  try {
    if (sets.length > 1) process.stdout.write(tableHead())
    for (const set of sets) {
      signal.throwIfAborted()
      const verification = await verifyTape({
        tape: set.tape,
        reference: await referenceOf(set),
        ...servers(),
        redelivered: set.redelivered,
        processes: running.processes,
        ...(profileDir !== undefined && { profileDir }),
        onProgress: ({ trades, sent, published, stored, seconds }) => {
          say(
            `${seconds.toFixed(0).padStart(4)} s  ${set.name}: ${sent} sent, ${published} published, ${stored} stored of ${trades}\n`
          )
        }
      })
      const result = { name: set.name, ...verification, note: set.note }
      results.push(result)
      process.stdout.write(sets.length > 1 ? tableRow(result) : fullReport(set, result))
    }
    return results
  } finally {
    await running.close()
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      bars: { type: 'string' },
      json: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false }
    }
  })
  if (values.help || (values.bars !== undefined && positionals.length !== 1)) {
    process.stderr.write(USAGE)
    return values.help ? 0 : 2
  }
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort())
  process.once('SIGTERM', () => interrupted.abort())
  const sets =
    positionals.length === 0
      ? await findSets(SETS_FOLDER)
      : await Promise.all(positionals.map((tape) => tapeSet(tape, values.bars)))
  const results = await run({ sets, profileDir: values.profile, signal: interrupted.signal })
  const failed = results.filter(({ holds }) => !holds)
  if (sets.length > 1) {
    const verdict = failed.length === 0 ? 'all hold' : `${failed.length} do not hold`
    process.stdout.write(`${results.length} tapes, ${verdict}\n`)
  }
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ holds: failed.length === 0, sets: results })}\n`)
  }
  return failed.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = hasCode(error, 'CONFIG_INVALID') ? 2 : 1
}
