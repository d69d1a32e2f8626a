import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Scope } from './scope.ts'

/** Lets a server listen on a free port of loopback until the scope ends. Returns its address, without a slash at the end. */
export async function onLoopback(scope: Pick<Scope, 'after'>, server: Server): Promise<string> {
  const listening = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', listening.resolve)
  await listening.promise
  scope.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
