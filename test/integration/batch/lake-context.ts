import { type ModuleContext } from '@tapedeck/batch/testing'
import { Lake, publicationName } from '@tapedeck/lake'

/** What a module of the lake works with, and what it said. */
export interface LakeContext extends ModuleContext {
  readonly said: readonly string[]
}

/** The context of a module that is called here instead of being run as a program. */
export function lakeContext(
  env: Readonly<Record<string, string>>,
  given: {
    readonly date: string
    readonly output: string
    readonly inputs?: readonly string[]
    readonly configFile?: string
  }
): LakeContext {
  const dir = env['LAKE_DIR'] ?? ''
  const said: string[] = []
  const say = (text: string): void => void said.push(text)
  return {
    lake: { dir, memory: '256MB', threads: 1 },
    run: 'test',
    attempt: 1,
    store: new Lake(dir),
    terminal: { write: say, note: say, progress: () => undefined },
    signal: new AbortController().signal,
    configFile: undefined,
    ...given,
    inputs: (given.inputs ?? []).map(publicationName),
    env,
    said
  }
}
