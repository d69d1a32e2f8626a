import {
  commandLine,
  runCommand,
  stopSignal,
  TapedeckError,
  type Env,
  type Terminal
} from '@tapedeck/core'
import { type Lake, openLake, publicationName, type PublicationName } from '@tapedeck/lake'
import { subCommand } from '../sub-command.ts'
import { isDate, readModuleConfig, type ModuleConfig } from './config.ts'

/** What a module reads from its command line. */
interface ModuleArguments {
  readonly inputs: readonly PublicationName[]
  readonly output: string | undefined
  readonly configFile: string | undefined
  readonly date: string | undefined
}

/** What a module works with. */
export interface ModuleContext extends ModuleConfig {
  readonly store: Lake
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly inputs: readonly PublicationName[]
  /** As it was given; a module that publishes takes `publication` instead. */
  readonly output: string
  readonly configFile: string | undefined
  readonly env: Env
}

export interface ModuleProgram {
  readonly purpose: string
  /** Unless given by --input. */
  readonly inputs: readonly string[]
  /** Unless given by --output. */
  readonly output: string
  readonly settings: Readonly<Record<string, string>>
  readonly notes?: string
  /** The work; whatever it throws makes the exit code 1, or 2 for what cannot begin. */
  run(context: ModuleContext): Promise<unknown>
}

/** Settings of a module that computes tables, for its help. */
export const ENGINE_SETTINGS = {
  LAKE_MEMORY: 'the most memory of a query',
  BATCH_ENGINE: 'duckdb, or spark for a cluster'
} as const

const PROGRAM = 'services/batch/src/lake/main.ts'

/**
 * Runs one of the modules of the lake as a program of its own: `node …/main.ts MODULE [--input …] [--output …]
 * [--config FILE]`, the trading date by BATCH_DATE. Exit code 0: its output is published whole. Anything else: nothing is.
 */
export async function runModules(
  { argv, env }: Pick<NodeJS.Process, 'argv' | 'env'>,
  modules: Readonly<Record<string, ModuleProgram>>
): Promise<void> {
  const abouts = new Map(Object.entries(modules).map(([name, { purpose }]) => [name, purpose]))
  const name = await subCommand(argv, abouts, {
    name: 'lake',
    program: PROGRAM,
    purpose: 'Runs a module of the lake.',
    forms: ['MODULE [--help]'],
    settings: LAKE_SETTINGS,
    exits: EXITS,
    example: 'capture-tape --date 2026-03-10'
  })
  const module = name === undefined ? undefined : modules[name]
  if (name !== undefined && module !== undefined) await runModule(env, name, module)
}

const LAKE_SETTINGS = {
  LAKE_DIR: 'the folder of the lake',
  LAKE_S3_URL: 'an object store that has the lake instead',
  BATCH_DATE: 'the trading date, which the run gives'
} as const
const EXITS = [
  'published',
  'failed, and nothing is published',
  'wrong arguments, or no server'
] as const

function runModule(env: Env, name: string, program: ModuleProgram): Promise<void> {
  const { purpose, notes } = program
  const takes = program.inputs.length === 0 ? 'nothing' : program.inputs.join(',')
  return runCommand({
    ...commandLine({
      name,
      program: `${PROGRAM} ${name}`,
      purpose,
      forms: ['[--input ZONE/NAME,…] [--output ZONE/NAME] [--config FILE] [--date DATE]'],
      options: {
        input: ['text', 'A,B', `what it reads from the lake (${takes})`],
        output: ['text', 'NAME', `what it writes (${program.output})`],
        config: ['text', 'FILE', 'a file in JSON, where the module has something to set'],
        date: ['text', 'DATE', 'the trading date (BATCH_DATE)']
      },
      settings: { ...LAKE_SETTINGS, ...program.settings },
      ...(notes !== undefined && { notes }),
      exits: EXITS,
      example: '--date 2026-03-10',
      read(given): ModuleArguments {
        const date = given.text('date')
        if (date !== undefined && !isDate(date)) {
          given.mistake(`--date ${date} found, expected a date such as 2026-03-10`)
        }
        const inputs = (given.list('input') ?? program.inputs).flatMap((text) => {
          try {
            return [publicationName(text)]
          } catch (error) {
            given.mistake(`--input: ${(error as Error).message}`)
            return []
          }
        })
        return { inputs, output: given.text('output'), configFile: given.text('config'), date }
      }
    }),
    async run({ inputs, output, configFile, date }, terminal) {
      const config = readModuleConfig(env, date)
      await program.run({
        ...config,
        store: openLake(config.lake),
        terminal,
        signal: stopSignal(),
        inputs,
        output: output ?? program.output,
        configFile,
        env
      })
      return 0
    }
  })
}

/** @throws ABORTED when the module was told to stop */
export function checkStopped({ signal }: Pick<ModuleContext, 'signal'>): void {
  if (signal.aborted)
    throw new TapedeckError('ABORTED', 'Stopped as asked: nothing of it is published')
}
