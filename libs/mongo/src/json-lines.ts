import { isUtf8 } from 'node:buffer'
import { BSON, type Document } from 'mongodb'
import { JsonText } from './json-text.ts'

/** Types of BSON, https://bsonspec.org/spec.html */
const DOUBLE = 0x01
const STRING = 0x02
const OBJECT = 0x03
const ARRAY = 0x04
const BOOLEAN = 0x08
const DATE = 0x09
const NULL = 0x0a
const INT32 = 0x10
const INT64 = 0x12

const NEWLINE = 0x0a
const DOLLAR = 0x24
const COMMA = 0x2c
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const UNDERSCORE = 0x5f
const SMALL_B = 0x62
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

const TWO_POW_32 = 0x1_0000_0000
/** The upper half of the largest safe integer. */
const MOST_SAFE_HIGH = 0x1f_ffff

/** A value or a name that only the driver reads. */
class OtherKind extends Error {}

/**
 * Writes documents in BSON, as MongoDB sends them, as lines of JSON: byte for byte what `jsonOf` says of the documents that the
 * driver reads. As no objects are made it takes a seventh of the time for trades, and a quarter for bars and forecasts. It knows
 * the kinds of values that tapedeck stores; a document with any other kind is left to the driver. A document must not have a
 * name twice, which no driver writes.
 */
export class JsonLines {
  readonly #text = new JsonText()
  #bytes: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(new ArrayBuffer(0))

  /** The lines since the last call, each with its end. */
  take(): Buffer {
    return this.#text.take()
  }

  /** @throws BSONError for a document that the driver cannot read */
  write(document: Uint8Array): void {
    const start = this.#text.length
    this.#bytes = document
    this.#view = new DataView(document.buffer, document.byteOffset, document.byteLength)
    try {
      this.#writeObject(0)
    } catch (error) {
      if (!(error instanceof OtherKind)) throw error
      this.#text.truncate(start)
      this.#text.write(jsonOf(BSON.deserialize(document)))
    }
    this.#text.writeSign(NEWLINE)
  }

  /** Each of these begins at a place in the bytes, and returns the place after what it has read. */
  #writeObject(start: number): number {
    let at = start + 4
    this.#text.writeSign(OPEN_OBJECT)
    for (let type; (type = this.#bytes[at++] ?? 0) !== 0;) {
      at = this.#writeName(at)
      at = this.#writeValue(type, at)
      this.#text.writeSign(COMMA)
    }
    this.#text.writeEnd(CLOSE_OBJECT)
    return at
  }

  #writeArray(start: number): number {
    let at = start + 4
    this.#text.writeSign(OPEN_ARRAY)
    for (let type; (type = this.#bytes[at++] ?? 0) !== 0;) {
      at = this.#writeValue(type, this.#endOf(at) + 1) // its name is its place
      this.#text.writeSign(COMMA)
    }
    this.#text.writeEnd(CLOSE_ARRAY)
    return at
  }

  /** Objects of the runtime put names that are numbers first, and names such as `$ref` and `_bsontype` mean something. */
  #writeName(start: number): number {
    const [first = 0, second] = [this.#bytes[start], this.#bytes[start + 1]]
    const isSpecial = first === DOLLAR || (first === UNDERSCORE && second === SMALL_B)
    if (isSpecial || (first >= ZERO && first <= NINE)) throw new OtherKind()
    const end = this.#endOf(start)
    if (!this.#text.writeQuoted(this.#bytes, start, end)) throw new OtherKind()
    this.#text.writeSign(COLON)
    return end + 1
  }

  /** Where a name ends. */
  #endOf(start: number): number {
    let end = start
    while ((this.#bytes[end] ?? 0) !== 0) end++
    return end
  }

  #writeValue(type: number, at: number): number {
    switch (type) {
      case DOUBLE:
        this.#writeDouble(this.#view.getFloat64(at, true))
        return at + 8
      case STRING:
        return this.#writeText(at)
      case OBJECT:
        return this.#writeObject(at)
      case ARRAY:
        return this.#writeArray(at)
      case BOOLEAN:
        this.#text.write(this.#bytes[at] === 1 ? 'true' : 'false')
        return at + 1
      case DATE:
        if (!this.#text.writeTime(this.#int64(at))) throw new OtherKind()
        return at + 8
      case NULL:
        this.#text.write('null')
        return at
      case INT32:
        this.#text.writeInteger(this.#view.getInt32(at, true))
        return at + 4
      case INT64:
        if (Math.abs(this.#view.getInt32(at + 4, true)) > MOST_SAFE_HIGH) throw new OtherKind()
        this.#text.writeInteger(this.#int64(at))
        return at + 8
      default:
        throw new OtherKind()
    }
  }

  #writeDouble(value: number): void {
    if (Number.isFinite(value)) this.#text.writeNumber(value)
    else this.#text.write(JSON.stringify(inJson('', value)))
  }

  /** A text has its length first, and a zero at its end, which counts. */
  #writeText(start: number): number {
    const from = start + 4
    const end = from + this.#view.getInt32(start, true) - 1
    if (!this.#text.writeQuoted(this.#bytes, from, end)) {
      const bytes = this.#bytes.subarray(from, end)
      if (!isUtf8(bytes)) throw new OtherKind()
      this.#text.write(JSON.stringify(Buffer.from(bytes).toString('utf8')))
    }
    return end + 1
  }

  /** Exact where it is a safe integer. */
  #int64(at: number): number {
    return this.#view.getInt32(at + 4, true) * TWO_POW_32 + this.#view.getUint32(at, true)
  }
}

/**
 * A document as JSON. A date is ISO 8601 with milliseconds in UTC; what JSON has no form for, such as NaN or a Decimal128, is
 * MongoDB's extended JSON.
 */
export function jsonOf(document: Document): string {
  return JSON.stringify(document, inJson)
}

/** `JSON.stringify` has turned dates into texts before it calls this. */
function inJson(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return { $numberDouble: String(value) }
  const isOfBson = typeof value === 'object' && value !== null && '_bsontype' in value
  return isOfBson ? BSON.EJSON.serialize(value) : value
}
