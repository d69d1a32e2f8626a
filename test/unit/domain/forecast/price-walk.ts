import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { PlacedClose } from './exact-line.ts'

const steps = fc.array(
  fc.record({
    /** Windows since the close before. */
    gap: fc.oneof({ weight: 8, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 400 })),
    /** In shares of the base price. */
    move: fc.double({ min: -0.01, max: 0.01, noNaN: true })
  }),
  { minLength: 3, maxLength: 60 }
)
const bases = fc.constantFrom(1e-4, 0.5, 189.37, 5000, 100_000)

/** Prices of every size, with windows without a trade; oldest first. */
export const priceWalks: fc.Arbitrary<PlacedClose[]> = fc.tuple(steps, bases).map(([all, base]) => {
  const windows = all.reduce((sum, { gap }) => sum + gap, 0)
  let x = -windows
  let close = base
  return all.map(({ gap, move }) => {
    x += gap
    close += base * move
    return { x, close }
  })
})

/** Near within 1e-9 of the larger of the expected number and the size of what it is about. */
export function near(found: number, expected: number, size: number): void {
  assert.ok(
    Math.abs(found - expected) <= 1e-9 * Math.max(Math.abs(expected), size),
    `found ${found}, expected ${expected}`
  )
}
