/**
 * `npm run verify:tape [-- FILE...]`: plays recorded tapes through the whole pipeline and compares
 * what is stored with reference bars. Exit code 0 only when all is equal, 2 when there is no tape.
 */
import { commandLine, runCommand, stopSignal } from '@tapedeck/core'
import { createProgress, SERVER_SETTINGS } from '@tapedeck/stack/testing'
import { servers, startTestServers } from '../../support/servers.ts'
import { fullReport, tableHead, tableRow, type SetResult } from './report.ts'
import { findSets, referenceOf, SETS_FOLDER, tapeSet, type TapeSet } from './sets.ts'
import { verifyTape } from './verify-tape.ts'

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

const command = commandLine({
  name: 'verify:tape',
  purpose:
    'Plays recorded tapes through the whole pipeline and compares what is stored with reference bars.',
  forms: ['-- [TAPE…] [--bars FILE] [--json] [--profile DIR]'],
  options: {
    bars: [
      'text',
      'FILE',
      'reference 1-minute bars (CSV) of the one tape; default: the file of the same name ' +
        'that ends in .bars1m.csv.gz, else bars computed from the tape by other means'
    ],
    json: ['flag', 'the last line is one JSON object with the figures of every tape'],
    profile: ['text', 'DIR', 'write a CPU profile of each process']
  },
  settings: SERVER_SETTINGS,
  notes:
    'TAPE is .ndjson or .ndjson.gz with a trade or a Finnhub frame a line; none: every tape beside the project\n' +
    '(../shared/data) that has reference bars.',
  exits: ['all is equal', 'something differs', 'wrong arguments, or no tape'],
  example: '-- tape.ndjson.gz --bars tape.bars1m.csv.gz',
  takesOperands: true,
  read(given) {
    const bars = given.text('bars')
    if (bars !== undefined && given.operands.length !== 1) {
      given.mistake(`--bars and ${given.operands.length} tapes found, expected it with one tape`)
    }
    const profileDir = given.text('profile')
    return { tapes: given.operands, bars, profileDir, isJson: given.flag('json') }
  }
})

await runCommand({
  ...command,
  async run({ tapes, bars, profileDir, isJson }, terminal) {
    const signal = stopSignal()
    const sets =
      tapes.length === 0
        ? await findSets(SETS_FOLDER)
        : await Promise.all(tapes.map((tape) => tapeSet(tape, bars)))
    const results = await run({ sets, profileDir, signal })
    const failed = results.filter(({ holds }) => !holds)
    if (sets.length > 1) {
      const verdict = failed.length === 0 ? 'all hold' : `${failed.length} do not hold`
      terminal.write(`${results.length} tapes, ${verdict}\n`)
    }
    if (isJson) {
      terminal.write(`${JSON.stringify({ holds: failed.length === 0, sets: results })}\n`)
    }
    return failed.length === 0 ? 0 : 1
  }
})
