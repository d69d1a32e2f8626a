import { BlockList, isIP } from 'node:net'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Whether a host name or address, in lower case, is that of this machine to itself (RFC 6761, section 6.3). */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  const version = isIP(bare)
  if (version !== 0) return LOOPBACK.check(bare, version === 4 ? 'ipv4' : 'ipv6')
  return bare === 'localhost' || bare.endsWith('.localhost')
}

/**
 * The host name of a `Host` header or of a setting, as URLs write it: lower case, IPv6 in brackets, no port, no dot at the end.
 * Undefined when it is none.
 */
export function hostNameOf(text: string): string | undefined {
  const bracketed = isIP(text) === 6 ? `[${text}]` : text
  if (!/^[^\s/?#@\\]+$/.test(bracketed) || !URL.canParse(`http://${bracketed}`)) return undefined
  return new URL(`http://${bracketed}`).hostname.replace(/\.$/, '')
}

/**
 * Whether a request may have come for this server: its `Host` is a loopback one, a known name, or the address that the
 * connection was made to. A page whose name was made to point here by its own DNS server has another.
 * @param header undefined: an HTTP/1.0 program; browsers always send one
 * @param known names of `hostNameOf`
 * @param localAddress where the connection arrived
 */
export function isOwnHost(
  header: string | undefined,
  known: ReadonlySet<string>,
  localAddress: string | undefined
): boolean {
  if (header === undefined) return true
  const name = hostNameOf(header)
  if (name === undefined) return false
  if (isLoopback(name) || known.has(name)) return true
  return localAddress !== undefined && name === hostNameOf(withoutMapping(localAddress))
}

/** IPv4 on a socket of IPv6 is written ::ffff:192.0.2.1. */
function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

/** Whose page sent a request: none did (a program), this server's own, one of API_ORIGINS, any by `*`, or a foreign one. */
export type PageStanding = 'none' | 'own' | 'listed' | 'any' | 'foreign'

/**
 * @param origin the header `Origin`
 * @param host the header `Host`
 * @param listed API_ORIGINS
 */
export function pageStanding(
  origin: string | undefined,
  host: string | undefined,
  listed: readonly string[]
): PageStanding {
  if (origin === undefined) return 'none'
  if (listed.includes(origin)) return 'listed'
  if (isSameHost(origin, host)) return 'own'
  return listed.includes('*') ? 'any' : 'foreign'
}

/** The scheme may differ: a proxy in front may speak TLS. */
function isSameHost(origin: string, host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(origin)) return false
  const { protocol, host: expected } = new URL(origin)
  const own = `${protocol}//${host}`
  return /^https?:$/.test(protocol) && URL.canParse(own) && new URL(own).host === expected
}
