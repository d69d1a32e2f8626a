import { TapedeckError, withTimeout } from '@tapedeck/core'

/**
 * Questions that are asked again and again over one connection, one after another: kafkajs opens connections for
 * requests that are made at once, and leaves some of them open when it disconnects.
 */
export interface Inquiry<C> {
  /** @throws TIMED_OUT, or what the question or connecting throws */
  ask<T>(question: (connection: C) => Promise<T>): Promise<T>
  /** Disconnects. Whatever is asked afterwards is refused with ABORTED. */
  close(): Promise<void>
}

const CLOSE_LIMIT_MS = 2000
/** How long a question that is under way may delay the end. */
const ANSWER_LIMIT_MS = 1500

/** A connection of kafkajs that is yet to be made. */
interface Connection {
  connect(): Promise<void>
  disconnect(): Promise<void>
}

/**
 * Connects with the first question, and again with the one after a question that failed.
 * @param create makes an object that is not connected yet
 * @param limitMs the most that an answer may take, connecting included
 * @param prepare what is done once after connecting
 */
export function openInquiry<C extends Connection>(
  create: () => C,
  limitMs: number,
  prepare: (connection: C) => Promise<unknown> = () => Promise.resolve()
): Inquiry<C> {
  const connect = async (): Promise<C> => {
    const made = create()
    try {
      await made.connect()
      await prepare(made)
      return made
    } catch (error) {
      // A part of it may be connected.
      await made.disconnect().catch(() => undefined)
      throw error
    }
  }
  let connected: Promise<C> | undefined
  let isClosed = false
  /** Resolves when the last question has been answered or given up. */
  let last: Promise<unknown> = Promise.resolve()
  const leave = async (): Promise<void> => {
    const former = connected
    connected = undefined
    // A connection that is still being made would outlive a disconnect before it stands.
    const disconnect = async (): Promise<void> => (await former)?.disconnect()
    await withTimeout(disconnect(), CLOSE_LIMIT_MS, 'Disconnecting').catch(() => undefined)
  }
  return {
    ask(question) {
      const answer = async (): ReturnType<typeof question> => {
        // A new connection would outlive the program that has closed this.
        if (isClosed) throw new TapedeckError('ABORTED', 'Cannot ask: the connection was closed')
        const mine = (connected ??= connect())
        const connection = await mine
        try {
          return await question(connection)
        } finally {
          // A question that was given up may have connected again after it was disconnected.
          if (connected !== mine) await connection.disconnect().catch(() => undefined)
        }
      }
      const answered = last
        .then(() => withTimeout(answer(), limitMs, 'Asking'))
        .catch((error: unknown) => {
          void leave()
          throw error
        })
      last = answered.catch(() => undefined) // thrown to the caller
      return answered
    },
    async close() {
      isClosed = true
      await withTimeout(last, ANSWER_LIMIT_MS, 'Answering').catch(() => undefined)
      await leave()
    }
  }
}
