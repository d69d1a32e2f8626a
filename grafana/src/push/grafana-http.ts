import { messageOf, printable, TapedeckError, withoutSecrets, type Secret } from '@tapedeck/core'

/** The longest wait for one answer. */
const ANSWER_LIMIT_MS = 30_000
/** Letters of a text of the server that a message repeats. */
const QUOTE_LENGTH = 300

type Method = 'GET' | 'POST' | 'PUT'

/** What a call is for: completes "Grafana does not let GRAFANA_TOKEN ", with the permission that it needs. */
export interface Purpose {
  readonly to: string
  /** An action of Grafana's access control; a service account of role Admin has them all. */
  readonly permission: string
}

export interface Answer {
  readonly status: number
  /** The parsed JSON, or undefined when the body is none. */
  readonly body: unknown
}

/** Calls the HTTP API of one Grafana with one token. */
export class GrafanaHttp {
  /** Grafana's address, without a slash at its end; it may have a path. */
  readonly address: string
  readonly #token: Secret
  readonly #signal: AbortSignal

  constructor(address: string, token: Secret, signal: AbortSignal) {
    this.address = address
    this.#token = token
    this.#signal = signal
  }

  /**
   * Reads something; undefined when Grafana answers that it does not exist.
   * @throws CONFIG_INVALID when the token is not taken or lacks a permission; SERVER_FAILED; ABORTED
   */
  async find<T>(path: string, purpose: Purpose): Promise<T | undefined> {
    const answer = await this.ask('GET', path)
    return answer.status === 404 ? undefined : (this.#expect('GET', path, answer, purpose) as T)
  }

  /** The same for what always exists. */
  async read<T>(path: string, purpose: Purpose): Promise<T> {
    return this.#expect('GET', path, await this.ask('GET', path), purpose) as T
  }

  /** Creates or replaces something; throws as `find` does. */
  async write<T>(method: 'POST' | 'PUT', path: string, body: object, purpose: Purpose): Promise<T> {
    return this.#expect(method, path, await this.ask(method, path, body), purpose) as T
  }

  /**
   * One call, whatever its status. Redirects are not followed: a token goes to the address it was given for alone.
   * @param withToken false where an address has yet to prove that it is a Grafana
   * @throws SERVER_FAILED when nothing answers in time; ABORTED
   */
  async ask(method: Method, path: string, body?: object, withToken = true): Promise<Answer> {
    const url = `${this.address}${path}`
    try {
      const response = await fetch(url, {
        method,
        redirect: 'manual',
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]),
        headers: {
          accept: 'application/json',
          ...(withToken && { authorization: `Bearer ${this.#token.reveal()}` }),
          ...(body !== undefined && { 'content-type': 'application/json' })
        },
        ...(body !== undefined && { body: JSON.stringify(body) })
      })
      const text = await response.text()
      const { status, headers } = response
      const isElsewhere = status >= 300 && status < 400
      return { status, body: isElsewhere ? { location: headers.get('location') } : parsed(text) }
    } catch (cause) {
      if (this.#signal.aborted) throw new TapedeckError('ABORTED', 'the push was stopped')
      const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
      throw new TapedeckError(
        'SERVER_FAILED',
        `Grafana does not answer on ${url}: ${messageOf(reason)}, expected an answer within ${ANSWER_LIMIT_MS / 1000} s`,
        { cause }
      )
    }
  }

  #expect(method: Method, path: string, { status, body }: Answer, purpose: Purpose): unknown {
    if (status >= 200 && status < 300 && body !== undefined) return body
    const found = `${status}${quoted(body)}`
    if (status === 401) {
      throw new TapedeckError(
        'CONFIG_INVALID',
        `Grafana at ${this.address} does not take GRAFANA_TOKEN: ${found}, expected a token that is valid there\n` +
          '  make one in Grafana: Administration > Users and access > Service accounts, role Admin'
      )
    }
    if (status === 403) {
      throw new TapedeckError(
        'CONFIG_INVALID',
        `Grafana at ${this.address} does not let GRAFANA_TOKEN ${purpose.to}: ${found}, expected the permission ${purpose.permission}\n` +
          '  give its service account the role Admin, or that permission; docs/grafana.md lists all that are needed'
      )
    }
    throw new TapedeckError(
      'SERVER_FAILED',
      `Grafana at ${this.address} could not ${purpose.to}: ${method} ${path} was answered ${found}, expected 200 with JSON`
    )
  }
}

/** What Grafana says in an answer, as ` "text"`; empty when it says nothing. */
export function quoted(body: unknown): string {
  const { message, location } = (body ?? {}) as { message?: unknown; location?: unknown }
  if (typeof location === 'string') return ` to ${printable(location.slice(0, QUOTE_LENGTH))}`
  if (typeof message !== 'string' || message === '') return ''
  return ` "${printable(withoutSecrets(message).slice(0, QUOTE_LENGTH))}"`
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
