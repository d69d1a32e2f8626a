import type { Secret } from '@tapedeck/core'

/**
 * What a second connection with the token of an open one meets. `share`: nothing, both go on.
 * `kill`: it is let in, and then both are cut. `refuse`: 429 until the first is gone.
 */
export const KEY_RULES = ['share', 'kill', 'refuse'] as const
export type KeyRule = (typeof KEY_RULES)[number]

/** Connections at once; a simulator is for one producer and a few curious people. */
const MAX_CLIENTS = 64

/** Who is let in, and how much each may ask for; faults change it while it runs. */
export class Admission {
  /** Symbols a connection may have. */
  maxSymbols: number
  keyRule: KeyRule = 'share'
  readonly #token: Secret | undefined
  #refusal: { readonly status: number; times: number } | undefined

  /** @param token the only one that is let in; without it any is, but not none */
  constructor(token: Secret | undefined, maxSymbols: number) {
    this.#token = token
    this.maxSymbols = maxSymbols
  }

  /** The status that the next handshakes are answered with; undefined: none is refused. */
  get refusing(): number | undefined {
    return this.#refusal?.status
  }

  /** Answers the next `times` handshakes with this status, whoever asks. */
  refuse(status: number, times = Infinity): void {
    this.#refusal = { status, times }
  }

  accept(): void {
    this.#refusal = undefined
  }

  /**
   * The HTTP status of a handshake: 101 lets it in.
   * @param openTokens the tokens of all open connections
   */
  answer(url: string, openTokens: readonly string[]): { status: number; token: string } {
    const address = URL.parse(url, 'ws://simulator')
    const token = address?.searchParams.get('token') ?? ''
    return { status: this.#statusFor(address, token, openTokens), token }
  }

  #statusFor(address: URL | null, token: string, openTokens: readonly string[]): number {
    if (address === null) return 400
    if (address.pathname !== '/') return 404
    if (this.#refusal !== undefined) {
      const { status } = this.#refusal
      if (--this.#refusal.times <= 0) this.#refusal = undefined
      return status
    }
    if (token === '' || (this.#token !== undefined && token !== this.#token.reveal())) return 401
    if (this.keyRule === 'refuse' && openTokens.includes(token)) return 429
    return openTokens.length >= MAX_CLIENTS ? 503 : 101
  }
}
