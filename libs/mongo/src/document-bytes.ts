import { BSON, type Document } from 'mongodb'

/** Types of BSON, https://bsonspec.org/spec.html */
const DOUBLE = 0x01
const STRING = 0x02
const OBJECT = 0x03
const ARRAY = 0x04
const BOOLEAN = 0x08
const DATE = 0x09
const NULL = 0x0a
const INT32 = 0x10

const TWO_POW_32 = 0x1_0000_0000
const MOST_INT32 = 0x7fff_ffff
const LEAST_INT32 = -0x8000_0000
const MOST_ASCII = 0x7f
const DIGIT = 0x30
/** A longer text is encoded sooner by the runtime than letter by letter. */
const SHORT_TEXT = 64
/** Room that is left before anything of a known size is written: a type, a number and ends. */
const ROOM = 64
const MOST_BYTES_PER_CHARACTER = 3
/** Deeper documents, and those in a circle, are the driver's to refuse. */
const MOST_DEPTH = 20
const FIRST_BYTES = 64 * 1024

/** A value of a kind that only the driver can write. */
class OtherKind extends Error {}

/**
 * Writes documents as BSON, byte for byte as the driver does, in a quarter of the time for trades and two fifths for bars:
 * it knows the kinds of values that tapedeck stores, and writes names and short texts letter by letter. A document with any
 * other kind of value is left to the driver.
 */
export class DocumentBytes {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #view = new DataView(this.#buffer.buffer)
  #at = 0

  /** Bytes that are written. */
  get length(): number {
    return this.#at
  }

  /** Bytes that it holds in memory. */
  get capacity(): number {
    return this.#buffer.length
  }

  clear(): void {
    this.#at = 0
  }

  /** The documents since it was cleared, one after another. The next ones overwrite them. */
  written(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  /** @throws BSONError for a document that the driver refuses too */
  write(document: Document): void {
    const start = this.#at
    try {
      if (!isPlain(document)) throw new OtherKind()
      this.#writeObject(document, 0)
    } catch (error) {
      if (!(error instanceof OtherKind)) throw error
      const bytes = BSON.serialize(document, { ignoreUndefined: false })
      this.#at = start
      this.#makeRoom(bytes.length)
      this.#buffer.set(bytes, start)
      this.#at += bytes.length
    }
  }

  #writeObject(object: Document, depth: number): void {
    if (depth > MOST_DEPTH) throw new OtherKind()
    const start = this.#begin()
    for (const name in object) this.#writeField(name, object[name], depth)
    this.#end(start)
  }

  #writeArray(array: readonly unknown[], depth: number): void {
    if (depth > MOST_DEPTH) throw new OtherKind()
    const start = this.#begin()
    for (let i = 0; i < array.length; i++) this.#writeField(i, array[i], depth)
    this.#end(start)
  }

  #begin(): number {
    this.#makeRoom(0)
    const start = this.#at
    this.#at += 4
    return start
  }

  #end(start: number): void {
    this.#buffer[this.#at++] = 0
    this.#view.setInt32(start, this.#at - start, true)
  }

  #writeField(name: string | number, value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string':
        this.#writeHead(STRING, name)
        this.#writeText(value)
        return
      case 'number':
        this.#writeNumber(name, value)
        return
      case 'boolean':
        this.#writeHead(BOOLEAN, name)
        this.#buffer[this.#at++] = value ? 1 : 0
        return
      case 'undefined':
        this.#writeHead(NULL, name)
        return
      case 'object':
        break
      default:
        throw new OtherKind()
    }
    if (value === null) this.#writeHead(NULL, name)
    else if (Array.isArray(value)) {
      this.#writeHead(ARRAY, name)
      this.#writeArray(value, depth + 1)
    } else if (value instanceof Date) {
      this.#writeHead(DATE, name)
      this.#writeTime(value.getTime())
    } else if (isPlain(value)) {
      this.#writeHead(OBJECT, name)
      this.#writeObject(value, depth + 1)
    } else throw new OtherKind()
  }

  /** The type and the name of a field; its value follows, and has room up to its first text. */
  #writeHead(type: number, name: string | number): void {
    const text = typeof name === 'string' ? name : ''
    this.#makeRoom(text.length)
    const buffer = this.#buffer
    let at = this.#at
    buffer[at++] = type
    if (typeof name === 'string') {
      for (let i = 0; i < name.length; i++) {
        const code = name.charCodeAt(i)
        if (code === 0 || code > MOST_ASCII) throw new OtherKind()
        buffer[at++] = code
      }
    } else if (name < 10) buffer[at++] = DIGIT + name
    else at += buffer.write(String(name), at)
    buffer[at++] = 0
    this.#at = at
  }

  /** Its length with the zero at its end, itself, and the zero. */
  #writeText(text: string): void {
    this.#makeRoom(text.length * MOST_BYTES_PER_CHARACTER)
    const buffer = this.#buffer
    const start = this.#at + 4
    let at = start
    if (text.length > SHORT_TEXT) at += buffer.write(text, start)
    else {
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i)
        if (code > MOST_ASCII) {
          at = start + buffer.write(text, start)
          break
        }
        buffer[at++] = code
      }
    }
    buffer[at++] = 0
    this.#view.setInt32(this.#at, at - start, true)
    this.#at = at
  }

  /** The driver writes a whole number as 32 bits where it fits, any other as a double. */
  #writeNumber(name: string | number, value: number): void {
    const isInt32 =
      Number.isInteger(value) &&
      value >= LEAST_INT32 &&
      value <= MOST_INT32 &&
      (value !== 0 || !Object.is(value, -0))
    this.#writeHead(isInt32 ? INT32 : DOUBLE, name)
    if (isInt32) this.#view.setInt32(this.#at, value, true)
    else this.#view.setFloat64(this.#at, value, true)
    this.#at += isInt32 ? 4 : 8
  }

  /** Epoch ms as 64 bits. */
  #writeTime(ms: number): void {
    this.#view.setUint32(this.#at, ms, true)
    this.#view.setInt32(this.#at + 4, Math.floor(ms / TWO_POW_32), true)
    this.#at += 8
  }

  #makeRoom(bytes: number): void {
    const needed = this.#at + bytes + ROOM
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length))
    larger.set(this.#buffer.subarray(0, this.#at))
    this.#buffer = larger
    this.#view = new DataView(larger.buffer)
  }
}

/** Whether it is an object of fields alone, without a way of its own to be written. */
function isPlain(value: object): value is Document {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  return !('toBSON' in value) && !('_bsontype' in value)
}
