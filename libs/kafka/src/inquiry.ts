import { TapedeckError, withTimeout } from '@tapedeck/core'

/** Questions that are asked again and again over one connection. */
export interface Inquiry<C> {
  /** @throws TIMED_OUT, or what the question or connecting throws */
  ask<T>(question: (connection: C) => Promise<T>): Promise<T>
  /** Disconnects. Whatever is asked afterwards is refused with ABORTED. */
  close(): Promise<void>
}

const CLOSE_LIMIT_MS = 2000
/** How long a question that is under way may delay the end. */
const ANSWER_LIMIT_MS = 1500

/**
 * Connects with the first question, and again with the one after a question that failed.
 * @param limitMs the most that an answer may take, connecting included
 */
export function openInquiry<C extends { disconnect(): Promise<void> }>(
  connect: () => Promise<C>,
  limitMs: number
): Inquiry<C> {
  let connected: Promise<C> | undefined
  let isClosed = false
  const pending = new Set<Promise<unknown>>()
  const leave = async (): Promise<void> => {
    const former = connected
    connected = undefined
    // A connection that is still being made would outlive a disconnect before it stands.
    const disconnect = async (): Promise<void> => (await former)?.disconnect()
    await withTimeout(disconnect(), CLOSE_LIMIT_MS, 'Disconnecting').catch(() => undefined)
  }
  return {
    async ask(question) {
      // A new connection would outlive the program that has closed this.
      if (isClosed) throw new TapedeckError('ABORTED', 'Cannot ask: the connection was closed')
      const answer = async (): ReturnType<typeof question> => {
        const mine = (connected ??= connect())
        const connection = await mine
        try {
          return await question(connection)
        } finally {
          // A question that was under way may have connected again after it was disconnected.
          if (connected !== mine) await connection.disconnect().catch(() => undefined)
        }
      }
      const answering = answer()
      pending.add(answering)
      try {
        return await withTimeout(answering, limitMs, 'Asking')
      } catch (error) {
        void leave()
        throw error
      } finally {
        pending.delete(answering)
      }
    },
    async close() {
      isClosed = true
      // kafkajs neither answers nor refuses what is under way when it disconnects, and keeps its sockets for it.
      const answered = Promise.allSettled(pending)
      await withTimeout(answered, ANSWER_LIMIT_MS, 'Answering').catch(() => undefined)
      await leave()
    }
  }
}
