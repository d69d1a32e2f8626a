import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Bounce } from '@tapedeck/domain/testing'
import { normals } from '../../../support/random-numbers.ts'

/** Learns the steps of these closes, with their mean square so far, as the pace of a series does. */
function learnt(closes: readonly number[]): Bounce {
  const bounce = new Bounce()
  let squares = 0
  for (let index = 1; index < closes.length; index++) {
    const step = (closes[index] ?? 0) - (closes[index - 1] ?? 0)
    bounce.learn(step, 1, index === 1 ? 0 : squares / (index - 1))
    squares += step ** 2
  }
  return bounce
}

function walk(seed: number, count: number): number[] {
  const normal = normals(seed)
  let price = 100
  return Array.from({ length: count }, () => (price += normal()))
}

/** Noise of 1 about a level that walks by 0.15. */
function noise(seed: number, count: number): { closes: number[]; level: number } {
  const normal = normals(seed)
  let level = 100
  const closes = Array.from({ length: count }, () => (level += 0.15 * normal()) + normal())
  return { closes, level }
}

const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1)
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

describe('Bounce', () => {
  it('takes the price for a random walk before it knows more', () => {
    const { offset, disagreement, variance, change, walkShare } = new Bounce().prospect(4)
    assert.deepEqual([offset, disagreement], [0, 0])
    assert.ok(variance > 2.5 && variance < 4 && change > 2.5 && change < 4 && walkShare > 0.7)
  })

  it('finds that a walk spreads with the root of the time, and stays where it is', () => {
    const found = SEEDS.map((seed) => learnt(walk(seed, 61)).prospect(12))
    assert.ok(Math.abs(mean(found.map(({ change }) => change / 12)) - 1) < 0.1)
    assert.ok(Math.abs(mean(found.map(({ variance }) => variance / 12)) - 1) < 0.1)
    assert.ok(mean(found.map(({ offset }) => Math.abs(offset))) < 0.15)
  })

  it('finds where a price that bounces returns to, and how far it lies off there', () => {
    const found = SEEDS.map((seed) => {
      const { closes, level } = noise(seed, 121)
      const { offset, variance } = learnt(closes).prospect(12)
      const last = closes.at(-1) ?? NaN
      return { offLevel: last + offset - level, off: last - level, variance }
    })
    const [offLevel, off] = [
      mean(found.map((one) => one.offLevel ** 2)),
      mean(found.map((one) => one.off ** 2))
    ]
    assert.ok(offLevel < 0.35 * off, `${offLevel} about the mean, ${off} about the last close`)
    // In steps, whose mean square is 2.02: noise of 1, twelve steps of the level, and what is not known of it.
    const variance = 2.02 * mean(found.map((one) => one.variance))
    assert.ok(variance > 1.2 && variance < 2.2, `${variance}`)
  })

  it('knows nothing of the level when the closes begin again, but how much the price bounces', () => {
    const bounce = learnt(noise(1, 200).closes)
    const before = bounce.prospect(12).change
    bounce.clear()
    const { offset, disagreement, change } = bounce.prospect(12)
    assert.deepEqual([offset, disagreement, change], [0, 0, before])
  })

  it('follows a price that stops bouncing', () => {
    const bouncing = noise(2, 300).closes
    const from = bouncing.at(-1) ?? 0
    const { change } = learnt([
      ...bouncing,
      ...walk(3, 1000).map((price) => price - 100 + from)
    ]).prospect(12)
    assert.ok(change > 9, `${change} of 12`)
  })

  it('is not misled by one print far from the market', () => {
    const closes = walk(4, 200)
    const stray = closes.map((price, index) => (index === 150 ? price + 50 : price))
    const [clean, found] = [learnt(closes).prospect(12), learnt(stray).prospect(12)]
    assert.ok(found.change > 0.7 * clean.change, `${found.change}, ${clean.change} without it`)
  })

  it('continues from its state', () => {
    const { closes } = noise(5, 100)
    const bounce = learnt(closes)
    const again = new Bounce(JSON.parse(JSON.stringify(bounce.state())) as number[])
    for (const one of [bounce, again]) one.learn(0.3, 2, 2)
    assert.deepEqual(again.state(), bounce.state())
  })
})
