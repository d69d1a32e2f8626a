const QUOTE = 0x22
const COMMA = 0x2c
const DASH = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const COLON = 0x3a
const CAPITAL_Z = 0x5a
const BACKSLASH = 0x5c
const SPACE = 0x20
const MOST_ASCII = 0x7f

const DAY_MS = 86_400_000
const SECOND_MS = 1000
/** The times whose year has four digits, in epoch ms. */
const FIRST_MS = Date.parse('0000-01-01T00:00:00.000Z')
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z')
const LETTERS_OF_A_DAY = '2026-03-10T'.length
/** Days whose letters are kept; a power of two. */
const DAYS = 16

/** Most prices and sizes have no more than four decimals. */
const SCALE = 10_000
const MOST_SCALED = 1e15

/** Room that is made before anything of a known size is written: a number, a time, the signs around them. */
const ROOM = 128
const FIRST_BYTES = 64 * 1024
const MOST_BYTES_PER_CHARACTER = 3

/** JSON that is written as bytes: numbers, times and plain texts letter by letter, without making strings of them. */
export class JsonText {
  #out = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #at = 0
  /** The letters of days up to the T; the place of a day is its number modulo DAYS. */
  readonly #days = Buffer.alloc(DAYS * LETTERS_OF_A_DAY)
  readonly #dayAt: (number | undefined)[] = Array.from({ length: DAYS })

  /** Bytes that are written. */
  get length(): number {
    return this.#at
  }

  /** Forgets what was written after so many bytes. */
  truncate(length: number): void {
    this.#at = length
  }

  /** A copy of what is written; the text begins again. */
  take(): Buffer {
    const taken = Buffer.from(this.#out.subarray(0, this.#at))
    this.#at = 0
    return taken
  }

  /** @param code of a letter in ASCII */
  writeSign(code: number): void {
    this.#makeRoom(0)
    this.#out[this.#at++] = code
  }

  /** Ends an array or an object: in place of the comma after its last value, where it has one. */
  writeEnd(code: number): void {
    if (this.#out[this.#at - 1] === COMMA) this.#at--
    this.writeSign(code)
  }

  /** A text as it stands, in UTF-8. */
  write(text: string): void {
    this.#makeRoom(text.length * MOST_BYTES_PER_CHARACTER)
    this.#at += this.#out.write(text, this.#at)
  }

  /**
   * Bytes of text in quotes.
   * @returns false, and nothing is written, when they are not letters in ASCII that need no escape
   */
  writeQuoted(bytes: Uint8Array, from: number, end: number): boolean {
    this.#makeRoom(end - from)
    const out = this.#out
    let at = this.#at
    out[at++] = QUOTE
    for (let i = from; i < end; i++) {
      const code = bytes[i] ?? 0
      if (code < SPACE || code > MOST_ASCII || code === QUOTE || code === BACKSLASH) return false
      out[at++] = code
    }
    out[at++] = QUOTE
    this.#at = at
    return true
  }

  /** A number as `JSON.stringify` writes it. @param value is finite */
  writeNumber(value: number): void {
    const scaled = Math.round(value * SCALE)
    // No two decimals of up to 15 digits have the same nearest double, so this one is the shortest that gives the value.
    if (scaled / SCALE === value && scaled < MOST_SCALED && scaled > -MOST_SCALED) {
      this.#writeDecimal(scaled)
    } else this.#writeLetters(String(value))
  }

  /** @param value is a safe integer */
  writeInteger(value: number): void {
    this.#makeRoom(0)
    if (value < 0) this.#out[this.#at++] = DASH
    this.#writeDigits(Math.abs(value))
  }

  /**
   * A time in quotes, in ISO 8601 with milliseconds in UTC.
   * @param ms epoch ms, an integer
   * @returns false, and nothing is written, when its year has not four digits
   */
  writeTime(ms: number): boolean {
    if (!(ms >= FIRST_MS && ms <= LAST_MS)) return false
    const day = Math.floor(ms / DAY_MS)
    const rest = ms - day * DAY_MS
    const seconds = Math.floor(rest / SECOND_MS)
    const minutes = Math.floor(seconds / 60)
    const milliseconds = rest % SECOND_MS
    const from = this.#placeOf(day)
    this.#makeRoom(0)
    const [out, days] = [this.#out, this.#days]
    let at = this.#at
    out[at++] = QUOTE
    for (let i = 0; i < LETTERS_OF_A_DAY; i++) out[at++] = days[from + i] ?? 0
    at = writeTwoDigits(out, at, Math.floor(minutes / 60))
    out[at++] = COLON
    at = writeTwoDigits(out, at, minutes % 60)
    out[at++] = COLON
    at = writeTwoDigits(out, at, seconds % 60)
    out[at++] = DOT
    out[at++] = ZERO + Math.floor(milliseconds / 100)
    at = writeTwoDigits(out, at, milliseconds % 100)
    out[at++] = CAPITAL_Z
    out[at++] = QUOTE
    this.#at = at
    return true
  }

  /** Where the letters of a day stand. @param day days since 1970 */
  #placeOf(day: number): number {
    const place = day & (DAYS - 1)
    const from = place * LETTERS_OF_A_DAY
    if (this.#dayAt[place] !== day) {
      const letters = new Date(day * DAY_MS).toISOString().slice(0, LETTERS_OF_A_DAY)
      this.#days.write(letters, from, 'latin1')
      this.#dayAt[place] = day
    }
    return from
  }

  /** @param scaled ten thousandths, an integer */
  #writeDecimal(scaled: number): void {
    const size = Math.abs(scaled)
    const whole = Math.floor(size / SCALE)
    let rest = size - whole * SCALE
    this.#makeRoom(0)
    if (scaled < 0) this.#out[this.#at++] = DASH
    this.#writeDigits(whole)
    if (rest === 0) return
    this.#out[this.#at++] = DOT
    for (let unit = SCALE / 10; rest > 0; unit /= 10) {
      const digit = Math.floor(rest / unit)
      this.#out[this.#at++] = ZERO + digit
      rest -= digit * unit
    }
  }

  /** @param value is a safe integer from 0 on */
  #writeDigits(value: number): void {
    let digits = 1
    for (let limit = 10; value >= limit; limit *= 10) digits++
    const end = this.#at + digits
    let rest = value
    for (let at = end - 1; at >= this.#at; at--) {
      const tenth = Math.floor(rest / 10)
      this.#out[at] = ZERO + (rest - tenth * 10)
      rest = tenth
    }
    this.#at = end
  }

  /** A short text in ASCII: a call of the runtime takes longer. */
  #writeLetters(text: string): void {
    this.#makeRoom(text.length)
    for (let i = 0; i < text.length; i++) this.#out[this.#at++] = text.charCodeAt(i)
  }

  #makeRoom(bytes: number): void {
    const needed = this.#at + bytes + ROOM
    if (needed <= this.#out.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#out.length))
    larger.set(this.#out.subarray(0, this.#at))
    this.#out = larger
  }
}

function writeTwoDigits(out: Buffer, at: number, value: number): number {
  const tens = Math.floor(value / 10)
  out[at] = ZERO + tens
  out[at + 1] = ZERO + value - tens * 10
  return at + 2
}
