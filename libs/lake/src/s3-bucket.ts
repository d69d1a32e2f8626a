import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { AwsV4Signer } from 'aws4fetch'
import { fullJitter, retry, TapedeckError, type Secret } from '@tapedeck/core'
import { isLostConnection, reasonOf, send } from './http-request.ts'
import { textOf } from './s3-listing.ts'

/** A place in a bucket of a store that speaks S3, and who asks for it. */
export interface S3Location {
  readonly bucket: string
  /** Before every key, without a slash at either end; empty for the whole bucket. */
  readonly prefix: string
  /** Address of the store, without a slash at its end. */
  readonly endpoint: string
  readonly region: string
  readonly keyId: string
  readonly secretKey: Secret
  /** Of temporary keys. */
  readonly sessionToken: Secret | undefined
}

/** The content of a request. */
export interface S3Content {
  readonly bytes: number
  /** In hexadecimal digits; the store refuses another content. */
  readonly sha256: string
  /** Called for each try. */
  open(): string | Readable
}

interface S3Request {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  /** Within the prefix; undefined for the bucket itself. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly content?: S3Content
  /** Bytes that are expected in the answer; they lengthen the time that it may take. */
  readonly answerBytes?: number
}

/** What a store says of a failure. */
interface Refusal {
  readonly status: number
  /** Such as `NoSuchKey`; empty when the answer has none. */
  readonly code: string
  readonly message: string
}

const TRIES = 6
const jitterMs = fullJitter({ baseMs: 200, capMs: 5000 })
const LIMIT_MS = 30_000
/** A slower line than this is given up. */
const LEAST_BYTES_A_SECOND = 256 * 1024
const NO_CONTENT = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
/** Answers that another try can change, beside those of 500 and above. */
const RETRIED_STATUSES: readonly number[] = [408, 425, 429]
const RETRIED_CODES: readonly string[] = ['RequestTimeout', 'SlowDown', 'InternalError']

/**
 * Signed requests to one bucket, which is named in the path of each: every store that speaks S3 understands that.
 * What can pass is tried six times, with full jitter of 6 s at most in all: 5xx, 429, slow-down and a lost connection.
 */
export class S3Bucket {
  /** For messages: `s3://bucket/prefix`. */
  readonly name: string
  readonly #location: S3Location

  constructor(location: S3Location) {
    this.#location = location
    this.name = ['s3:/', location.bucket, location.prefix].filter((part) => part !== '').join('/')
  }

  /** A key of the lake as the bucket has it. */
  keyOf(key: string): string {
    const { prefix } = this.#location
    return prefix === '' ? key : `${prefix}/${key}`
  }

  /**
   * Asks and reads the answer; both are repeated together.
   * @param read is called again when the connection is lost while it reads
   * @throws CONFIG_INVALID when the keys or the region are refused; SERVER_MISSING without the bucket; SERVER_FAILED when
   * the store cannot be reached or refuses; what `read` throws
   */
  async ask<T>(request: S3Request, read: (answer: IncomingMessage) => Promise<T>): Promise<T> {
    const { value } = await this.#retried(request, [], read)
    return value as T
  }

  /**
   * The same, where some answers are no failure.
   * @param none statuses for which the result is undefined
   */
  async askUnless<T>(
    request: S3Request,
    none: readonly number[],
    read: (answer: IncomingMessage) => Promise<T>
  ): Promise<T | undefined> {
    const { value } = await this.#retried(request, none, read)
    return value
  }

  #retried<T>(
    request: S3Request,
    none: readonly number[],
    read: (answer: IncomingMessage) => Promise<T>
  ): Promise<{ readonly value: T | undefined }> {
    const work = async (): Promise<{ readonly value: T | undefined }> => {
      try {
        return await this.#try(request, none, read)
      } catch (error) {
        if (!isLostConnection(error)) throw error
        throw new Passing(
          `${this.#what(request)}: ${reasonOf(error)}, expected a store that speaks S3 at ${this.#location.endpoint}`,
          error
        )
      }
    }
    return retry(work, { delayMs: jitterMs, tries: TRIES, isRetryable })
  }

  async #try<T>(
    request: S3Request,
    none: readonly number[],
    read: (answer: IncomingMessage) => Promise<T>
  ): Promise<{ readonly value: T | undefined }> {
    const { method, content, answerBytes = 0 } = request
    const bytes = (content?.bytes ?? 0) + answerBytes
    const { url, headers } = await this.#signed(request)
    const limitMs = LIMIT_MS + Math.ceil((bytes * 1000) / LEAST_BYTES_A_SECOND)
    const answer = await send(url, { method, headers, body: content?.open(), limitMs })
    const { statusCode: status = 500 } = answer
    if (status >= 200 && status < 300) {
      const value = await read(answer)
      answer.resume()
      return { value }
    }
    const refusal = refusalOf(status, await text(answer))
    if (none.includes(refusal.status) && refusal.code !== 'NoSuchBucket')
      return { value: undefined }
    throw this.#refused(request, refusal)
  }

  async #signed({ method, key, query = {}, headers = {}, content }: S3Request): Promise<{
    readonly url: URL
    readonly headers: Readonly<Record<string, string>>
  }> {
    const { endpoint, bucket, region, keyId, secretKey, sessionToken } = this.#location
    const path = key === undefined ? '' : `/${encodedPath(this.keyOf(key))}`
    const parameters = Object.entries(query).map(
      ([name, value]) => `${encoded(name)}=${encoded(value)}`
    )
    const signed = await new AwsV4Signer({
      method,
      url: `${endpoint}/${bucket}${path}${parameters.length === 0 ? '' : `?${parameters.join('&')}`}`,
      headers: { ...headers, 'x-amz-content-sha256': content?.sha256 ?? NO_CONTENT },
      service: 's3',
      region,
      accessKeyId: keyId,
      secretAccessKey: secretKey.reveal(),
      ...(sessionToken !== undefined && { sessionToken: sessionToken.reveal() })
    }).sign()
    const all: Record<string, string> = Object.fromEntries(new Headers(signed.headers))
    // A content without its length would be sent in chunks, which stores refuse.
    if (content !== undefined) all['content-length'] = String(content.bytes)
    return { url: signed.url, headers: all }
  }

  #refused(request: S3Request, refusal: Refusal): TapedeckError {
    const { status, code, message } = refusal
    const { bucket, endpoint, region } = this.#location
    const said = [status, code, message].filter((part) => part !== '').join(' ')
    const begin = `${this.#what(request)}: ${said}`
    if (canPass(refusal)) return new Passing(begin)
    if (code === 'NoSuchBucket') {
      return new TapedeckError(
        'SERVER_MISSING',
        `${begin}; expected a bucket ${bucket} at ${endpoint}, as LAKE_S3_URL says`
      )
    }
    if (status === 401 || status === 403) {
      return new TapedeckError(
        'CONFIG_INVALID',
        `${begin}; expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY that may list, read, write and delete in ${this.name}`
      )
    }
    if (status === 301 || status === 307 || code === 'AuthorizationHeaderMalformed') {
      return new TapedeckError(
        'CONFIG_INVALID',
        `${begin}; expected AWS_REGION to be the region of the bucket, found ${region}`
      )
    }
    return new TapedeckError('SERVER_FAILED', `${begin}; expected success`)
  }

  #what({ method, key }: S3Request): string {
    const verb = { GET: 'read', PUT: 'write', DELETE: 'delete' }[method]
    return `Cannot ${verb} ${this.name}${key === undefined ? '' : `/${key}`}`
  }
}

/** A failure that another try can change. */
class Passing extends TapedeckError {
  constructor(message: string, cause?: unknown) {
    super('SERVER_FAILED', message, { cause })
  }
}

function isRetryable(error: unknown): boolean {
  return error instanceof Passing
}

function canPass({ status, code }: Refusal): boolean {
  return status >= 500 || RETRIED_STATUSES.includes(status) || RETRIED_CODES.includes(code)
}

function refusalOf(status: number, xml: string): Refusal {
  return { status, code: textOf(xml, 'Code'), message: textOf(xml, 'Message') }
}

function encodedPath(key: string): string {
  return key.split('/').map(encoded).join('/')
}

/** As RFC 3986 says, which is what is signed. */
function encoded(part: string): string {
  return encodeURIComponent(part).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  )
}
