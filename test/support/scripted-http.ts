import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import type { Clock } from '@tapedeck/core'
import { onLoopback } from './loopback.ts'

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, headers).end(JSON.stringify(body))

/** A clock that only waiting moves. */
export function leapClock(beginMs: number): Clock & { readonly waitsMs: number[] } {
  let nowMs = beginMs
  const waitsMs: number[] = []
  return {
    waitsMs,
    now: () => nowMs,
    delay(ms) {
      waitsMs.push(ms)
      nowMs += ms
      return Promise.resolve()
    }
  }
}

/** A server that gives each answer once, then repeats the last one, and what is asked of it. */
export async function scriptedHttp(
  t: TestContext,
  answers: readonly Answer[]
): Promise<{ readonly url: string; readonly requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    answers[Math.min(requests.length, answers.length) - 1]?.(request, response)
  })
  return { url: await onLoopback(t, server), requests }
}
