/** A frame as it was received. */
interface ReceivedFrame {
  readonly connection: string
  /** Counts the frames of a connection from 1. */
  readonly frame: number
  readonly text: string
  /** Epoch ms. */
  readonly receivedAt: number
}

/** Frames remembered at most. */
const MAX_FRAMES = 32
/** A frame is remembered for this long. */
const MEMORY_MS = 5000
/** Longer frames are not remembered; Finnhub's have about a thousand characters. */
const MAX_CHARACTERS = 65_536

/**
 * Recognises a frame that the feed sent before: its text equals, character by character, that of one of the
 * last 32 frames of the same connection within five seconds. Finnhub was seen to send every frame three times.
 *
 * Single trades are never compared: on real tapes 17 to 38 % of them equal an earlier one
 * (docs/adr/0032-copies-of-frames.md). A copy across a reconnect or a restart is not recognised.
 */
export class CopiedFrames {
  /** Text -> where it was first seen, oldest first. A Map compares the whole text, not the hash alone. */
  readonly #seen = new Map<string, Pick<ReceivedFrame, 'frame' | 'receivedAt'>>()
  #connection = ''

  /** The number of the frame that this one repeats; undefined, and remembered, when it repeats none. */
  originalOf({ connection, frame, text, receivedAt }: ReceivedFrame): number | undefined {
    if (connection !== this.#connection) this.#seen.clear()
    this.#connection = connection
    for (const [oldest, seen] of this.#seen) {
      const isOld = receivedAt - seen.receivedAt > MEMORY_MS
      if (!isOld && this.#seen.size < MAX_FRAMES) break
      this.#seen.delete(oldest)
    }
    const original = this.#seen.get(text)
    if (original !== undefined) return original.frame
    if (text.length <= MAX_CHARACTERS) this.#seen.set(text, { frame, receivedAt })
    return undefined
  }
}
