import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { onLoopback } from './loopback.ts'
import type { Scope } from './scope.ts'

/**
 * What happens to one request: it is answered with 503; its connection is cut before or after the server has it; half of
 * the answer comes.
 */
type HttpFault = 'busy' | 'cut' | 'lost' | 'half'

/** A proxy before a real HTTP server, which gets one request at a time. */
export interface HttpProxy {
  readonly url: string
  /** The next requests get one fault each; the others pass. */
  readonly faults: HttpFault[]
  /** Requests so far. */
  count(): number
}

export async function forwardHttp(scope: Scope, target: string): Promise<HttpProxy> {
  const faults: HttpFault[] = []
  let count = 0
  let turn = Promise.resolve()
  const server = createServer((incoming, outgoing) => {
    count++
    const fault = faults.shift()
    if (fault === 'busy') {
      incoming.resume()
      outgoing.writeHead(503).end('<Error><Code>SlowDown</Code><Message>Later</Message></Error>')
    } else if (fault === 'cut') {
      incoming.destroy()
    } else {
      turn = turn.then(() => forward(incoming, outgoing, target, fault))
    }
  })
  return { url: await onLoopback(scope, server), faults, count: () => count }
}

/** Resolves when the server has answered. */
function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  target: string,
  fault: 'lost' | 'half' | undefined
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  // With the host of the proxy, which is what was signed.
  const { method = 'GET', url = '/', headers } = incoming
  const upstream = request(new URL(url, target), { method, headers }, (answer) => {
    const chunks: Buffer[] = []
    answer.on('data', (chunk: Buffer) => chunks.push(chunk))
    answer.on('close', resolve)
    answer.on('end', () => {
      const body = Buffer.concat(chunks)
      if (fault === 'lost') {
        outgoing.destroy()
        return
      }
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      if (fault === undefined) outgoing.end(body)
      else outgoing.write(body.subarray(0, body.length / 2), () => outgoing.destroy())
    })
  })
  upstream.on('error', () => {
    outgoing.destroy()
    resolve()
  })
  incoming.pipe(upstream)
  return promise
}
