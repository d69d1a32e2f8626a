import net from 'node:net'
import tls from 'node:tls'
import type { ISocketFactory, Kafka } from 'kafkajs'

const IPV6_SUFFIX = '.ipv6-literal.net'
const KEEP_ALIVE_MS = 60_000

/** kafkajs splits an address at its first colon: an IPv6 address is passed in the form that has none. */
export function splittable(broker: string): string {
  const [, address = '', port] = /^\[(.*)\]:(\d+)$/.exec(broker) ?? []
  return address === '' ? broker : `${address.replaceAll(':', '-')}${IPV6_SUFFIX}:${port}`
}

/**
 * Connects as kafkajs does by itself, and to the addresses that `splittable` has made. Requests are sent at once:
 * with Nagle's algorithm one that follows an unanswered one waits for a delayed ACK, 40 ms on Linux.
 */
export const connectTo: ISocketFactory = ({ host: given, port, ssl, onConnect }) => {
  const isIpv6 = given.endsWith(IPV6_SUFFIX)
  const host = isIpv6 ? given.slice(0, -IPV6_SUFFIX.length).replaceAll('-', ':') : given
  const name = net.isIP(host) === 0 ? { servername: host } : {}
  // False without TLS, true or the options of tls with it; its type says another thing.
  const options = ssl as unknown as boolean | tls.ConnectionOptions
  const socket =
    options === false || options === undefined
      ? net.connect({ host, port }, onConnect)
      : tls.connect({ host, port, ...name, ...(options === true ? {} : options) }, onConnect)
  socket.setNoDelay(true)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  return socket
}

/**
 * Makes an admin client or a producer whose sockets end when it disconnects. kafkajs leaves those open that are being made
 * meanwhile, and connects again for a request that it repeats; one socket keeps the whole process from ending.
 * @param make makes a client with this way to connect
 * @param create makes the admin client or the producer of that client
 */
export function withOwnSockets<T extends { connect(): Promise<void>; disconnect(): Promise<void> }>(
  make: (socketFactory: ISocketFactory) => Kafka,
  create: (client: Kafka) => T
): T {
  const sockets = new Set<net.Socket>()
  let isEnded = false
  const own = create(
    make((options) => {
      const socket = isEnded ? new net.Socket() : connectTo(options)
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      if (isEnded) end(socket)
      return socket
    })
  )
  const { connect, disconnect } = own
  own.connect = () => {
    isEnded = false
    return connect()
  }
  own.disconnect = async () => {
    try {
      await disconnect()
    } finally {
      isEnded = true
      for (const socket of sockets) end(socket)
    }
  }
  return own
}

/** With an error: kafkajs does not notice a socket that merely closes. */
function end(socket: net.Socket): void {
  socket.on('error', () => undefined)
  setImmediate(() => socket.destroy(new Error('The client has disconnected')))
}
