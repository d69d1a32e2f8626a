import type { Frame } from '../feed/frame.ts'
import { CAPTURE_FORM, invalid, objectOf, readFrameLine } from './tape-line.ts'

/** One line of a capture: what a producer received, when, and as which frame of which connection. */
export interface CapturedFrame {
  readonly frame: Frame
  readonly atMs: number
  readonly connection: string
  readonly number: number
}

/**
 * One line of a capture; the text of its frame is kept as it is, whatever it says. A frame that is
 * not wholly made of readable trades goes to every client.
 *
 * @throws TAPE_INVALID with the number of the line, what was found and expected.
 */
export function readCaptureLine(line: string, lineNumber: number): CapturedFrame {
  const { t, c, n, f } = objectOf(line, lineNumber, CAPTURE_FORM)
  if (typeof t !== 'number' || !Number.isSafeInteger(t)) {
    throw invalid(lineNumber, line, CAPTURE_FORM, 't is no whole number')
  }
  if (typeof n !== 'number' || !Number.isSafeInteger(n)) {
    throw invalid(lineNumber, line, CAPTURE_FORM, 'n is no whole number')
  }
  if (typeof c !== 'string') throw invalid(lineNumber, line, CAPTURE_FORM, 'c is no text')
  if (typeof f !== 'string') throw invalid(lineNumber, line, CAPTURE_FORM, 'f is no text')
  return { frame: frameOf(f), atMs: t, connection: c, number: n }
}

function frameOf(text: string): Frame {
  try {
    return { ...readFrameLine(text, 0).frame, text }
  } catch {
    return { text, symbols: [], tradeCount: 0, trades: () => [] }
  }
}
