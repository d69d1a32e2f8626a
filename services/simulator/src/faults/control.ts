import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { messageOf } from '@tapedeck/core'
import type { AccessRules } from '../feed/server.ts'
import type { Audience } from '../feed/client.ts'
import type { Director } from './director.ts'
import { faultProblems, shown, type Fault } from './fault.ts'
import { readScenario, scenarioOf } from './scenario.ts'

interface ControlParts {
  readonly director: Director
  readonly audience: Audience
  readonly accessRules: AccessRules
}

const MAX_BODY_BYTES = 1024 * 1024
const EXPECTED =
  'a fault such as {"do":"cut"}, a list of faults, {"signal":NAME} or {"scenario":NAME or {"steps":[…]}}'

/**
 * Serves `/control` on the feed's port: GET returns the state of connections and faults, POST performs faults.
 * It accepts requests from this machine only, and only JSON, which a browser sends to another origin only
 * after a preflight request. Any other request that is no WebSocket handshake gets 426.
 */
export function controlRequests(parts: ControlParts): RequestListener {
  return (request, response) => {
    answer(request, parts).then(
      ([status, body]) => reply(response, status, body),
      (error: unknown) => reply(response, 400, { problems: [messageOf(error)] })
    )
  }
}

async function answer(request: IncomingMessage, parts: ControlParts): Promise<[number, unknown]> {
  const [pathname] = (request.url ?? '/').split('?')
  if (pathname !== '/control') return [426, 'a WebSocket is expected here\n']
  if (!isLocal(request.socket.remoteAddress)) {
    return [403, { problems: ['control is for this machine only'] }]
  }
  if (request.method === 'GET') return [200, stateOf(parts)]
  if (request.method !== 'POST') return [405, { problems: ['expected GET or POST'] }]
  if (request.headers['content-type']?.split(';')[0] !== 'application/json') {
    return [415, { problems: ['content-type is not application/json'] }]
  }
  const problems = await perform(JSON.parse(await bodyOf(request)), parts)
  return problems.length === 0 ? [200, stateOf(parts)] : [400, { problems }]
}

/** Performs all that the body requests, or nothing when it has a mistake. */
async function perform(body: unknown, { director }: ControlParts): Promise<string[]> {
  if (typeof body !== 'object' || body === null)
    return [`found ${shown(body)}, expected ${EXPECTED}`]
  if ('signal' in body && Object.keys(body).length === 1) {
    if (typeof body.signal !== 'string') return [`signal is ${shown(body.signal)}, expected a text`]
    director.signalled(body.signal)
    return []
  }
  if ('scenario' in body && Object.keys(body).length === 1) {
    const { scenario } = body
    director.play(
      typeof scenario === 'string' ? await readScenario(scenario) : scenarioOf(scenario, 'control')
    )
    return []
  }
  const faults: readonly unknown[] = Array.isArray(body) ? body : [body]
  const problems = faults.flatMap((fault, index) =>
    faultProblems(fault).map((problem) =>
      Array.isArray(body) ? `fault ${index + 1}: ${problem}` : problem
    )
  )
  if (problems.length === 0) for (const fault of faults) director.perform(fault as Fault)
  return problems
}

function stateOf({ director, audience, accessRules }: ControlParts): unknown {
  return {
    connections: [...audience.clients].map((client) => ({
      number: client.number,
      symbols: [...client.subscribed],
      voice: client.voice,
      isFrozen: client.isFrozen
    })),
    refusing: accessRules.refusing ?? null,
    keyRule: accessRules.keyRule,
    maxSymbols: accessRules.maxSymbols,
    scenario: director.progress ?? null
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new Error(`body is longer than ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function isLocal(address = ''): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address)
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  const isText = typeof body === 'string'
  response.writeHead(status, {
    connection: 'close',
    'content-type': isText ? 'text/plain' : 'application/json'
  })
  response.end(isText ? body : `${JSON.stringify(body)}\n`)
}
