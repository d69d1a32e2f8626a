import { globSync } from 'node:fs'
import path from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { commandLine, runCommand, stopSignal } from '@tapedeck/core'
import { cachesCompiled, createProgress, SERVER_SETTINGS } from '@tapedeck/stack/testing'
import { startTestServers } from './support/servers.ts'

interface Layer {
  readonly needsServers: boolean
  /** Files at a time; those on servers run alone, so that they measure and break only themselves. */
  readonly concurrency: number
  /** For one file with all its tests; support/file-limit.ts holds it to that. */
  readonly timeoutMs: number
}

const PURE: Layer = {
  needsServers: false,
  concurrency: 2,
  timeoutMs: 300_000
}
const SERVED: Layer = { ...PURE, needsServers: true, concurrency: 1, timeoutMs: 900_000 }
const LAYERS: Readonly<Record<string, Layer>> = {
  unit: PURE,
  tidy: PURE,
  integration: SERVED,
  e2e: SERVED
}

interface Counts {
  passed: number
  failed: number
  skipped: number
}

const root = path.dirname(import.meta.dirname)
const signal = stopSignal()

const command = commandLine({
  name: 'test',
  purpose: 'Runs test files; starts the servers once when a layer needs them.',
  options: {},
  settings: SERVER_SETTINGS,
  notes:
    'npm run test:unit, npm run test:integration and npm run test:e2e run some of the layers. Words choose files:\n\n' +
    '  node test/run.ts LAYER… [-- WORD…]\n\n' +
    `  LAYER  ${Object.keys(LAYERS).join(', ')}\n` +
    '  WORD   only files whose path contains one of the words',
  exits: ['files were found and every test passed', 'a test failed', 'a mistake in the command'],
  example: '-- bars',
  takesOperands: true,
  read(given) {
    const words = given.operands.filter((operand) => !(operand in LAYERS))
    const plans = Object.entries(LAYERS)
      .filter(([name]) => given.operands.includes(name))
      .map(([name, layer]) => ({ ...layer, files: filesOf(name, words) }))
      .filter(({ files }) => files.length > 0)
    if (plans.length === 0) {
      given.mistake(`no test file matches '${given.operands.join(' ')}', expected layers and words`)
    }
    return plans
  }
})

await runCommand({
  ...command,
  async run(plans, terminal) {
    const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
    const progress = createProgress(terminal.write)
    const servers = plans.some(({ needsServers }) => needsServers)
      ? await startTestServers({ progress, signal })
      : undefined
    try {
      for (const plan of plans) {
        if (!signal.aborted) await runPlan(plan, counts)
      }
    } finally {
      await servers?.close()
    }
    const skippedToo = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
    terminal.write(`${counts.passed} passed, ${counts.failed} failed${skippedToo}\n`)
    return counts.failed === 0 && counts.passed > 0 && !signal.aborted ? 0 : 1
  }
})
// A test that leaves something open must not keep the run from ending.
process.exit()

function filesOf(name: string, words: readonly string[]): string[] {
  return globSync(`test/${name}/**/*.test.ts`, { cwd: root })
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .toSorted()
    .map((file) => path.join(root, file))
}

/** Runs one layer's files, each in a process of its own. */
function runPlan(
  { files, concurrency, timeoutMs }: Layer & { readonly files: string[] },
  counts: Counts
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const stream = run({
    files,
    concurrency,
    signal,
    cwd: root,
    execArgv: ['--import', path.join(root, 'test/support/file-limit.ts')],
    env: { ...cachesCompiled(process.env), TEST_FILE_LIMIT_MS: String(timeoutMs) }
  })
  stream.on('test:summary', (summary) => {
    if (summary.file !== undefined) return // the last one, without a file, counts all
    counts.passed += summary.counts.passed
    const { tests, passed, skipped, todo } = summary.counts
    counts.failed += tests - passed - skipped - todo
    counts.skipped += summary.counts.skipped
  })
  const printed = stream.compose(spec)
  printed.on('data', (piece: string) => process.stdout.write(piece))
  printed.on('end', resolve)
  printed.on('error', reject)
  return promise
}
