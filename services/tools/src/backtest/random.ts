/**
 * Numbers from 0 up to 1, the same for the same seed on every machine.
 * Source: mulberry32, Tommy Ettinger (public domain).
 */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d_2b_79_f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A seed of its own for each name, so that what is left out of a run changes nothing in the rest. */
export function seedOf(seed: number, name: string): number {
  let hash = (0x81_1c_9d_c5 ^ seed) >>> 0
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01_00_01_93) >>> 0
  }
  return hash
}
