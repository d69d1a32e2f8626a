import type { Clock } from '@tapedeck/core'
import type { RequestProblem } from '../query.ts'
import type { Reader } from '../reader.ts'
import type { Outlet } from '../stream/client.ts'
import type { Request } from '../stream/messages.ts'
import { Replay, type ReplayCommand, type ReplayId, type ReplayRequest } from './replay.ts'
import { storedRows, type Horizons } from './stored-rows.ts'

/** Replays of one client at the same time, and of all clients: each holds about 3 MB of rows. */
export const MOST_REPLAYS = { ofClient: 4, ofAll: 16 } as const

/** Counts the replays of all clients. */
export class ReplayPlaces {
  taken = 0
}

export interface ReplaysTools {
  readonly reader: Reader
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly horizons: Horizons
  readonly replays: ReplayPlaces
}

/** The replays of one client. */
export class Replays {
  readonly #tools: ReplaysTools
  readonly #outlet: Outlet
  readonly #replayed: () => void
  readonly #playing = new Map<ReplayId, Replay>()

  /** @param replayed called when the last one has ended, or one was refused */
  constructor(tools: ReplaysTools, outlet: Outlet, replayed: () => void) {
    this.#tools = tools
    this.#outlet = outlet
    this.#replayed = replayed
  }

  /** Obeys what concerns replays; false: it is another request. */
  receive(request: Request): boolean {
    switch (request.type) {
      case 'subscribe':
      case 'unsubscribe':
      case 'ping':
        return false
      case 'replay':
        this.#begin(request)
        return true
      default:
        this.#obey(request)
        return true
    }
  }

  close(): void {
    for (const replay of this.#playing.values()) replay.close()
  }

  #begin(request: ReplayRequest): void {
    const { id, selection, toMs } = request
    const { reader, horizons, replays, clock, signal } = this.#tools
    if (this.#playing.has(id)) {
      const message = `a replay ${JSON.stringify(id)} plays already, expected another id, or stop first`
      this.#refuse(id, 'REQUEST_INVALID', [{ field: 'id', message }])
      return
    }
    const { ofClient, ofAll } = MOST_REPLAYS
    const isOwn = this.#playing.size >= ofClient
    if (isOwn || replays.taken >= ofAll) {
      const most = isOwn ? `${ofClient} of one client` : `${ofAll} of all clients`
      const message = `${most} play already, which is the limit, expected one of them to end first`
      this.#refuse(id, 'TOO_MANY_REPLAYS', [{ field: 'id', message }])
      return
    }
    const replay = new Replay(request, {
      open: (fromMs) => storedRows(reader, selection, { fromMs, toMs }, horizons),
      outlet: this.#outlet,
      clock,
      monotonicMs: () => performance.now(),
      signal
    })
    this.#playing.set(id, replay)
    replays.taken++
    void replay.run().finally(() => {
      replays.taken--
      this.#playing.delete(id)
      if (this.#playing.size === 0) this.#replayed()
    })
  }

  #obey(command: ReplayCommand): void {
    const { id } = command
    const replay = this.#playing.get(id)
    if (replay === undefined) {
      const known = [...this.#playing.keys()].map((one) => JSON.stringify(one)).join(', ')
      const expected = known === '' ? 'a replay first' : `one of ${known}`
      const message = `no replay ${JSON.stringify(id)} plays, expected ${expected}`
      this.#refuse(id, 'REPLAY_OVER', [{ field: 'id', message }])
      return
    }
    const problem = replay.obey(command)
    if (problem !== undefined) this.#refuse(id, 'REQUEST_INVALID', [problem])
  }

  #refuse(id: ReplayId, code: string, problems: readonly RequestProblem[]): void {
    const { field, message = '' } = problems[0] ?? {}
    const error = { code, field, message, problems }
    this.#outlet.send(JSON.stringify({ type: 'error', id, error }), undefined)
    if (this.#playing.size === 0) this.#replayed()
  }
}
