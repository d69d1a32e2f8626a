import { withTimeout } from '@tapedeck/core'

/** Questions that are asked again and again over one connection. */
export interface Inquiry<C> {
  /** @throws TIMED_OUT, or what the question or connecting throws */
  ask<T>(question: (connection: C) => Promise<T>): Promise<T>
  close(): Promise<void>
}

const CLOSE_LIMIT_MS = 3000

/**
 * Connects with the first question, and again with the one after a question that failed.
 * @param limitMs the most that an answer may take, connecting included
 */
export function openInquiry<C extends { disconnect(): Promise<void> }>(
  connect: () => Promise<C>,
  limitMs: number
): Inquiry<C> {
  let connected: Promise<C> | undefined
  const close = async (): Promise<void> => {
    const former = connected
    connected = undefined
    // A connection that is still being made would outlive a disconnect before it stands.
    const leave = async (): Promise<void> => (await former)?.disconnect()
    await withTimeout(leave(), CLOSE_LIMIT_MS, 'Disconnecting').catch(() => undefined)
  }
  return {
    async ask(question) {
      const answer = async (): ReturnType<typeof question> =>
        question(await (connected ??= connect()))
      try {
        return await withTimeout(answer(), limitMs, 'Asking')
      } catch (error) {
        void close()
        throw error
      }
    },
    close
  }
}
