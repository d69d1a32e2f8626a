import { commandLine } from '@tapedeck/core'
import { SERVER_SETTINGS } from '@tapedeck/stack/testing'

const BENCHES = ['engine', 'pipeline'] as const
export type Bench = (typeof BENCHES)[number]

/** What the benchmarks take. */
export interface BenchLoad {
  readonly engineTrades: number
  readonly pipelineTrades: number
  /** In place of the trades of the pipeline. */
  readonly tape: string | undefined
}

/** The command line of `npm run bench:compare`. */
export const compareCommand = commandLine({
  name: 'bench:compare',
  purpose:
    'Runs the benchmarks of engine and pipeline of this working tree and of a commit in turn, and prints how many times as much ' +
    'each figure is here.',
  forms: ['-- COMMIT [--rounds N] [--only engine|pipeline] [--tape FILE] [--json]'],
  options: {
    rounds: ['text', 'N', 'runs of each benchmark and version, in turn (3)'],
    only: ['text', 'NAME', `one of ${BENCHES.join(', ')} (both)`],
    'engine-trades': ['text', 'N', 'trades of one run of the engine (20000)'],
    'pipeline-trades': ['text', 'N', 'trades in the topic (300000)'],
    tape: [
      'text',
      'FILE',
      'the pipeline takes a recorded tape; for commits whose bench:pipeline does'
    ],
    json: ['flag', 'the last line is one JSON object']
  },
  takesOperands: true,
  settings: SERVER_SETTINGS,
  notes: `The commit is checked out into a temporary git worktree, which is removed at the end and by Ctrl-C. It
gets the packages of this tree where package-lock.json is equal, else its own by npm ci. This tree may have
changes that are not committed. Ten minutes with the usual rounds; let nothing else run meanwhile.`,
  exits: [
    'every benchmark held in both versions',
    'one did not, or failed',
    'wrong arguments, or a commit that cannot be compared'
  ],
  example: '-- main --rounds 5 --only engine',
  read(given) {
    const [commit, ...more] = given.operands
    if (commit === undefined) given.mistake('no commit found, expected a hash, a branch or a tag')
    if (more.length > 0) given.mistake(`'${more.join(' ')}' found, expected one commit`)
    const only = given.choice('only', BENCHES)
    return {
      commit: commit ?? '',
      rounds: given.whole('rounds', 1, 100) ?? 3,
      benches: only === undefined ? BENCHES : [only],
      load: {
        engineTrades: given.whole('engine-trades', 100, 10_000_000) ?? 20_000,
        pipelineTrades: given.whole('pipeline-trades', 1000, 100_000_000) ?? 300_000,
        tape: given.text('tape')
      },
      isJson: given.flag('json')
    }
  }
})
