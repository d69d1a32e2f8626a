import assert from 'node:assert/strict'
import { createServer, connect, type Socket } from 'node:net'
import type { Scope } from './scope.ts'

/** A TCP proxy before the real mongod that can be closed, reopened, or hold all data back. */
export async function openTcpProxy(t: Scope, mongoUri: string) {
  const target = new URL(mongoUri.replace(/^mongodb:/, 'http:'))
  const sockets = new Set<Socket>()
  let isHolding = false
  const server = createServer((near) => {
    const far = connect(Number(target.port || 27_017), target.hostname)
    for (const [one, other] of [
      [near, far],
      [far, near]
    ] as const) {
      sockets.add(one)
      one.on('data', (chunk) => {
        if (!isHolding) other.write(chunk)
      })
      one.on('error', () => undefined)
      one.on('close', () => {
        other.destroy()
        sockets.delete(one)
      })
    }
  })
  const open = (port: number): Promise<void> =>
    new Promise((resolve) => {
      server.listen(port, '127.0.0.1', resolve)
    })
  await open(0)
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const { port } = address
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resolve())
    })
  t.after(close)
  const uri = new URL(target)
  uri.port = String(port)
  uri.hostname = '127.0.0.1'
  uri.searchParams.set('directConnection', 'true')
  return {
    uri: uri.href.replace(/^http:/, 'mongodb:'),
    close,
    reopen: () => open(port),
    hold: (on: boolean) => void (isHolding = on)
  }
}
