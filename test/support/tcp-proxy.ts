import assert from 'node:assert/strict'
import { createServer, connect, type Socket } from 'node:net'
import type { Scope } from './scope.ts'

/** A TCP proxy before a server of this machine or another; it can be closed, reopened, or hold all data back. */
export interface TcpProxy {
  /** Of 127.0.0.1. */
  readonly port: number
  /** Cuts every connection and refuses new ones. */
  close(): Promise<void>
  reopen(): Promise<void>
  hold(on: boolean): undefined
}

export async function forwardTcp(
  t: Pick<Scope, 'after'>,
  target: { readonly host: string; readonly port: number }
): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let isHolding = false
  const server = createServer((near) => {
    const far = connect(target.port, target.host)
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
  return { port, close, reopen: () => open(port), hold: (on) => void (isHolding = on) }
}

/** A TCP proxy before the real mongod. */
export async function openTcpProxy(
  t: Scope,
  mongoUri: string
): Promise<TcpProxy & { readonly uri: string }> {
  const target = new URL(mongoUri.replace(/^mongodb:/, 'http:'))
  const proxy = await forwardTcp(t, {
    host: target.hostname,
    port: Number(target.port || 27_017)
  })
  const uri = new URL(target)
  uri.port = String(proxy.port)
  uri.hostname = '127.0.0.1'
  uri.searchParams.set('directConnection', 'true')
  return { ...proxy, uri: uri.href.replace(/^http:/, 'mongodb:') }
}
