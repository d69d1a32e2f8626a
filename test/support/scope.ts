import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** What ends with a test: `TestContext` is one. */
export interface Scope {
  after(close: () => unknown): void
  diagnostic(message: string): void
}

/** The scope of a suite or a program. */
export class OwnScope implements Scope {
  readonly #closers: (() => unknown)[] = []

  after(close: () => unknown): void {
    this.#closers.push(close)
  }

  diagnostic(message: string): void {
    process.stderr.write(`${message}\n`)
  }

  /** Runs the closers, the last one first; a failing one does not keep the others from running. */
  async end(): Promise<void> {
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close()
      } catch (error) {
        this.diagnostic(`closing failed: ${String(error)}`)
      }
    }
  }
}

/** A folder that goes with its scope. */
export async function temporaryFolder(scope: Scope): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-test-'))
  scope.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}
