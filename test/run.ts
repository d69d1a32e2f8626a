/**
 * `node test/run.ts unit tidy integration e2e [-- FILTER …]`: runs the files of these layers whose path
 * contains one of the filters. Starts the servers once when a layer needs them.
 * Exit code 0 only when files were found and every test passed.
 */
import { globSync } from 'node:fs'
import path from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { messageOf } from '@tapedeck/core'
import { createProgress } from '@tapedeck/stack'
import { startTestServers } from './support/servers.ts'

interface Layer {
  readonly needsServers: boolean
  /** Files at a time; those on servers run alone, so that they measure and break only themselves. */
  readonly concurrency: number
  readonly suffix: string
  /** For one file with all its tests. */
  readonly timeoutMs: number
}

const PURE: Layer = {
  needsServers: false,
  concurrency: 2,
  suffix: '.test.ts',
  timeoutMs: 120_000
}
const SERVED: Layer = { ...PURE, needsServers: true, concurrency: 1, timeoutMs: 300_000 }
const LAYERS: Readonly<Record<string, Layer>> = {
  unit: PURE,
  contract: SERVED,
  tidy: PURE,
  integration: SERVED,
  e2e: { ...SERVED, timeoutMs: 600_000 },
  bench: { ...SERVED, suffix: '.bench.ts', timeoutMs: 1_800_000 }
}

interface Counts {
  passed: number
  failed: number
  skipped: number
}

const root = path.dirname(import.meta.dirname)
const args = process.argv.slice(2).filter((arg) => arg !== '--')
const layers = Object.entries(LAYERS).filter(([name]) => args.includes(name))
const filters = args.filter((arg) => !(arg in LAYERS))
const plans = layers
  .map(([name, layer]) => ({ ...layer, files: filesOf(name, layer) }))
  .filter(({ files }) => files.length > 0)

if (plans.length === 0) {
  process.stderr.write(
    `No test file matches '${args.join(' ')}', expected layers (${Object.keys(LAYERS).join(', ')}) and parts of paths\n`
  )
  process.exit(1)
}

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => interrupted.abort())
}

let close = (): Promise<void> => Promise.resolve()
const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
try {
  if (plans.some(({ needsServers }) => needsServers)) {
    const progress = createProgress((text) => process.stdout.write(text))
    ;({ close } = await startTestServers({ progress, signal: interrupted.signal }))
  }
  for (const plan of plans) {
    if (!interrupted.signal.aborted) await runPlan(plan)
  }
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  counts.failed++
} finally {
  await close()
}
const skippedToo = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skippedToo}\n`)
const isGood = counts.failed === 0 && counts.passed > 0 && !interrupted.signal.aborted
process.exit(isGood ? 0 : 1)

function filesOf(name: string, { suffix }: Layer): string[] {
  return globSync(`test/${name}/**/*${suffix}`, { cwd: root })
    .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)))
    .toSorted()
    .map((file) => path.join(root, file))
}

/** Runs one layer's files, each in a process of its own. */
function runPlan({
  files,
  concurrency,
  timeoutMs
}: Layer & { readonly files: string[] }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const stream = run({
    files,
    concurrency,
    timeout: timeoutMs,
    signal: interrupted.signal,
    cwd: root
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
