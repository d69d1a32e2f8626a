import { seededRandom } from '@tapedeck/core'

/** Standard normal numbers that a seed repeats, by Box and Muller, 1958. */
export function normals(seed: number): () => number {
  const random = seededRandom(seed)
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** Whole numbers in [0, below) that a seed repeats. */
export function wholeNumbers(seed: number): (below: number) => number {
  const random = seededRandom(seed)
  return (below) => Math.floor(random() * below)
}
