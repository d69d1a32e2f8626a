import type { ChildExit } from './child.ts'

/** A server the stack uses: one it started, or one of the user's own. */
export interface RunningServer {
  /** Undefined for a server that is not a child of the stack. */
  readonly pid: number | undefined
  /** host:port of the broker, or the URI of the database. */
  readonly address: string
  /** What it is, in words: version and where it comes from. */
  readonly description: string
  /** Settles when it ended; never for a server that is not ours. */
  readonly exited: Promise<ChildExit>
  stop(limitMs: number): Promise<void>
}

export const neverExits = new Promise<never>(() => undefined)
