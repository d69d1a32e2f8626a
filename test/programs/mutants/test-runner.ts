import { globSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { collectTests, fileOf, type CollectedTest } from './collected-tests.ts'

/** What the instrumented sources read and write (Stryker's instrumenter). */
interface Instrumentation {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  mutantCoverage?: unknown
  hitCount?: number | undefined
  hitLimit?: number | undefined
}

interface MutantRunOptions {
  readonly activeMutant: { readonly id: string; readonly fileName: string }
  readonly testFilter?: readonly string[]
  readonly hitLimit?: number
}

interface Outcome {
  readonly id: string
  readonly name: string
  readonly fileName: string
  readonly timeSpentMs: number
  /** 0 passed, 1 failed. */
  readonly status: 0 | 1
  readonly failureMessage?: string
}

// Equal cases in every run; a counterexample need not be small.
fc.configureGlobal({ seed: 20_260_310, endOnFailure: true })

const instrumentation: Instrumentation = {}
Object.assign(globalThis, { __stryker__: instrumentation })

/**
 * A test is slow when it takes a second and a larger share of the time of all tests than this. It runs only for
 * the source file that it is named after, and not for a mutant of what is evaluated at load, which all tests reach.
 */
const SLOW_SHARE = 0.005
const SLOW_MS = 1000
/** In the sandbox: the ids of the slow tests, measured by the first worker for all. */
const SLOW_TESTS_FILE = 'slow-tests.json'

/**
 * Runs unit tests for Stryker inside its worker process.
 *
 * With a process for each test file a mutant costs seconds of CPU, most of them to start node and to strip types. This
 * runner loads sources and tests again for every mutant, in the same process and with types stripped once, so that no
 * mutant sees what another left in a module. Stryker knows each single test and runs only those that reach the mutant.
 *
 * A score is a lower bound: a slow test, such as one of the coverage of a band over many walks, runs only for the source
 * file of its own name, or for one of its folder that has no test of its own.
 */
class InProcessTestRunner {
  readonly #files: readonly string[]

  static readonly inject = ['options'] as const

  constructor(options: { readonly unitTests: { readonly files: readonly string[] } }) {
    this.#files = globSync([...options.unitTests.files]).toSorted()
  }

  capabilities(): object {
    return { reloadEnvironment: true }
  }

  init(): void {
    reloadSources()
  }

  async dryRun(): Promise<object> {
    instrumentation.mutantCoverage = { static: {}, perTest: {} }
    const outcomes: Outcome[] = []
    for (const test of await load(this.#files)) outcomes.push(await run(test))
    const limitMs = outcomes.reduce((sum, { timeSpentMs }) => sum + timeSpentMs, 0) * SLOW_SHARE
    const slow = outcomes.filter(({ timeSpentMs }) => timeSpentMs > Math.max(SLOW_MS, limitMs))
    writeFileSync(SLOW_TESTS_FILE, JSON.stringify(slow.map(({ id }) => id)))
    const { mutantCoverage } = instrumentation
    return { status: 'complete', tests: outcomes, mutantCoverage }
  }

  async mutantRun(options: MutantRunOptions): Promise<object> {
    const { activeMutant, testFilter, hitLimit } = options
    Object.assign(instrumentation, { activeMutant: activeMutant.id, hitLimit, hitCount: 0 })
    const files = this.#files.filter(
      (file) => testFilter?.some((id) => fileOf(id) === file) ?? true
    )
    let nrOfTests = 0
    try {
      const tests = (await load(files)).filter(({ id }) => testFilter?.includes(id) ?? true)
      for (const test of this.#inOrder(tests, activeMutant.fileName, testFilter === undefined)) {
        nrOfTests++
        const { id, status, failureMessage } = await run(test)
        if (hitLimit !== undefined && (instrumentation.hitCount ?? 0) > hitLimit) {
          return { status: 'timeout', reason: 'Hit limit reached' }
        }
        if (status === 1) return { status: 'killed', killedBy: [id], failureMessage, nrOfTests }
      }
      return { status: 'survived', nrOfTests }
    } catch (error) {
      // The mutant keeps the sources from loading.
      return { status: 'killed', killedBy: [], failureMessage: String(error), nrOfTests }
    }
  }

  /** The tests of the mutated file first, and of the slow ones only those. */
  #inOrder(
    tests: readonly CollectedTest[],
    mutated: string,
    isStatic: boolean
  ): readonly CollectedTest[] {
    const [, lib = '', place = ''] =
      /(\w+)\/src\/(.*)\.ts$/.exec(mutated.replaceAll('\\', '/')) ?? []
    const ownFile = `test/unit/${lib}/${place}.test.ts`
    const isOwn = ({ file }: CollectedTest): boolean =>
      this.#files.includes(ownFile)
        ? file === ownFile
        : path.dirname(file) === path.dirname(ownFile)
    const slow = JSON.parse(readFileSync(SLOW_TESTS_FILE, 'utf8')) as readonly string[]
    const isQuick = ({ id }: CollectedTest): boolean => !slow.includes(id)
    const own = tests.filter((test) => isOwn(test) && (!isStatic || isQuick(test)))
    return [...own, ...tests.filter((test) => !isOwn(test) && isQuick(test))]
  }
}

function load(files: readonly string[]): Promise<readonly CollectedTest[]> {
  generation++
  return collectTests(files, (file) => import(pathToFileURL(file).href))
}

async function run({ id, file, body }: CollectedTest): Promise<Outcome> {
  const startedMs = performance.now()
  instrumentation.currentTestId = id
  const outcome = (status: 0 | 1): Outcome => ({
    id,
    name: id,
    fileName: path.resolve(file),
    timeSpentMs: performance.now() - startedMs,
    status
  })
  try {
    await body()
    return outcome(0)
  } catch (error) {
    return { ...outcome(1), failureMessage: String(error) }
  } finally {
    instrumentation.currentTestId = undefined
  }
}

let generation = 0

/** Lets every import of a source or test of the sandbox load it again in each generation, and `node:test` collect. */
function reloadSources(): void {
  const root = realpathSync('.') + path.sep
  const collector = new URL('collected-tests.ts', import.meta.url).href
  const stripped = new Map<string, string>()
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier === 'node:test') return { url: collector, shortCircuit: true }
      const resolved = nextResolve(specifier, context)
      const isReloaded =
        resolved.url.endsWith('.ts') && fileURLToPath(resolved.url).startsWith(root)
      return isReloaded ? { ...resolved, url: `${resolved.url}?${generation}` } : resolved
    },
    load(url, context, nextLoad) {
      const [address = '', query] = url.split('?')
      if (query === undefined || !address.endsWith('.ts')) return nextLoad(url, context)
      let source = stripped.get(address)
      if (source === undefined) {
        source = stripTypeScriptTypes(readFileSync(fileURLToPath(address), 'utf8'))
        stripped.set(address, source)
      }
      return { format: 'module', source, shortCircuit: true }
    }
  })
}

/** @public for Stryker */
export const strykerPlugins = [
  { kind: 'TestRunner', name: 'unit-tests', injectableClass: InProcessTestRunner }
]
