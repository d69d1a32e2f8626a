/** Random numbers that are the same for the same seed on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number
  /** Normal, mean 0, deviation 1. */
  normal(): number
  /** Exponential, mean 1. */
  exponential(): number
  /** A whole number in [from, to]. */
  whole(from: number, to: number): number
}

/**
 * Random numbers seeded by a text. Sources: sfc32 by C. Doty-Humphrey (PractRand); normal numbers by
 * Box and Muller, 1958.
 */
export function randomOf(seed: string): Random {
  const uniform = sfc32(hashOf(seed))
  let spare: number | undefined
  return {
    uniform,
    normal() {
      if (spare !== undefined) {
        const kept = spare
        spare = undefined
        return kept
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()))
      const angle = 2 * Math.PI * uniform()
      spare = radius * Math.sin(angle)
      return radius * Math.cos(angle)
    },
    exponential: () => -Math.log(1 - uniform()),
    whole: (from, to) => from + Math.floor(uniform() * (to - from + 1))
  }
}

/** Pairs of normal numbers, mean 0, deviation 1, that depend on the seed and a whole number alone. */
export function noiseOf(seed: string): (place: number) => readonly [number, number] {
  const [a, b] = hashOf(seed)
  return (place) => {
    const first = finalized(Math.imul(place ^ a, 0x9e3779b1) ^ b)
    const second = finalized(Math.imul(first ^ place, 0x85ebca77) ^ a)
    const radius = Math.sqrt(-2 * Math.log(((first >>> 0) + 1) / 4294967296))
    const angle = (2 * Math.PI * (second >>> 0)) / 4294967296
    return [radius * Math.cos(angle), radius * Math.sin(angle)]
  }
}

type State = readonly [number, number, number, number]

function sfc32(state: State): () => number {
  let [a, b, c, counter] = state
  const uniform = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return (sum >>> 0) / 4294967296
  }
  // Similar seeds give similar first numbers: these are discarded.
  for (let round = 0; round < 15; round++) uniform()
  return uniform
}

/** murmur3's finalizer: every bit of the result depends on every bit. */
function finalized(bits: number): number {
  const once = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return twice ^ (twice >>> 16)
}

/** Four FNV-1a hashes with different starts, each with murmur3's finalizer. */
function hashOf(text: string): State {
  const part = (start: number): number => {
    let hash = start
    for (let index = 0; index < text.length; index++) {
      hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
    }
    return finalized(hash)
  }
  return [part(0x811c9dc5), part(0x9e3779b9), part(0x243f6a88), part(0xb7e15162)]
}
