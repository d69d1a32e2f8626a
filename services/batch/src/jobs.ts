import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { didYouMean, printable, TapedeckError } from '@tapedeck/core'
import {
  BATCH_NAME,
  readSequence,
  type JobSpec,
  type ModuleParameters,
  type TaskSpec
} from '@tapedeck/domain'
import { FLOWS } from './flows.ts'

/** What can be run by name. */
export interface Job {
  readonly spec: JobSpec
  readonly about: string
  /** Runs when a task has failed for good. */
  readonly errorHandler: TaskSpec | null
  /** Program and arguments of each module, by the name of its task; a function of a flow has none. */
  readonly commands: ReadonlyMap<string, readonly string[]>
  /** Which parameters of a run become options of a command, by the name of its task. */
  readonly parameters?: ReadonlyMap<string, ModuleParameters>
}

const SEQUENCES = 'etl_sequences'
const MODULES = 'modules.json'
/** The limit of an error handler, ms. */
const HANDLER_LIMIT_MS = 600_000

/**
 * The job of that name: a flow, or a sequence of the folder. A sequence is read again each time.
 * @param batchDir the folder with etl_sequences and modules.json
 * @throws REQUEST_INVALID when there is none; CONFIG_INVALID with every mistake in its files
 */
export async function findJob(name: string, batchDir: string): Promise<Job> {
  const flow = FLOWS.get(name)
  if (flow !== undefined) {
    return { spec: flow, about: flow.about, errorHandler: null, commands: new Map() }
  }
  const file = path.join(batchDir, SEQUENCES, `${name}.json`)
  // A name is no path to another file.
  const sequence = BATCH_NAME.test(name) ? await textOf(file) : undefined
  if (sequence === undefined) {
    const names = await jobNames(batchDir)
    throw new TapedeckError(
      'REQUEST_INVALID',
      `Cannot run ${printable(name)}: there is no such flow, and no such file in ${path.join(batchDir, SEQUENCES)}, ` +
        `expected ${names.join(', ')}${didYouMean(name, names)}`
    )
  }
  const modules = await textOf(path.join(batchDir, MODULES))
  if (modules === undefined) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot run ${name}: ${path.join(batchDir, MODULES)} is not there, expected the modules of its steps`
    )
  }
  const { job, commands, errorHandler } = readSequence(name, { sequence, modules })
  const all = [...commands]
  if (errorHandler !== undefined) all.push([errorHandler.module, errorHandler])
  return {
    spec: job,
    about: [...commands.values()].map(({ module }) => module).join(', '),
    errorHandler: errorHandler === undefined ? null : handlerSpec(errorHandler.module),
    commands: new Map(all.map(([task, { words }]) => [task, words])),
    parameters: new Map(all.map(([task, { parameters }]) => [task, parameters]))
  }
}

/** Everything that can be run by name, flows first. @throws what the folder cannot be read with */
async function jobNames(batchDir: string): Promise<string[]> {
  const files = await readdir(path.join(batchDir, SEQUENCES)).catch(ignoreMissing)
  const sequences = (files ?? [])
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
  return [...FLOWS.keys(), ...sequences.toSorted()]
}

function textOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(ignoreMissing)
}

function ignoreMissing(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
}

function handlerSpec(name: string): TaskSpec {
  return {
    name,
    after: [],
    retries: 0,
    retryDelayMs: 0,
    backoff: 'fixed',
    timeoutMs: HANDLER_LIMIT_MS
  }
}
