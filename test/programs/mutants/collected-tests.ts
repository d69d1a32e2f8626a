/** Takes the place of node:test in a mutation run: collects tests as functions, which can run any number of times. */

type Body = () => unknown

export interface CollectedTest {
  /** The file below the root and the names, such as `test/unit/domain/rules.test.ts: lookUp() finds the newest`. */
  readonly id: string
  readonly file: string
  readonly body: Body
}

const names: string[] = []
let collected: CollectedTest[] = []
let file = ''

/** The file of a test's id. */
export function fileOf(id: string): string {
  return id.slice(0, id.indexOf(': '))
}

/** @public for test files */
export function describe(name: string, body: Body): void {
  names.push(name)
  body()
  names.pop()
}

/** @public for test files */
export function it(name: string, body: Body): void {
  collected.push({ id: `${file}: ${[...names, name].join(' ')}`, file, body })
}

/** Imports test files one after the other and returns their tests. */
export async function collectTests(
  files: readonly string[],
  load: (file: string) => Promise<unknown>
): Promise<readonly CollectedTest[]> {
  collected = []
  for (file of files) {
    names.length = 0
    await load(file)
  }
  return collected
}
