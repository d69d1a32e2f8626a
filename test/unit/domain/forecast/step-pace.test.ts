import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StepPace } from '@tapedeck/domain'
import { normals } from './forecast-store.ts'

const Z975 = 1.959963984540054

function near(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) < 1e-9 * expected, `found ${found}, expected ${expected}`)
}

describe('StepPace', () => {
  it("is the root mean square per window at first, widened by Student's t", () => {
    const pace = new StepPace(20)
    assert.equal(pace.spread(1), 0)
    pace.learn(-2, 1)
    near(pace.spread(1), (2 * 12.706204736) / Z975)
    pace.learn(4, 2)
    near(pace.spread(1), (Math.sqrt(20 / 3) * 4.30265273) / Z975)
    near(pace.spread(9), 3 * pace.spread(1))
  })

  it('estimates the spread of a walk, and follows when its steps become four times as wide', () => {
    const normal = normals(3)
    const pace = new StepPace(60)
    for (let index = 0; index < 500; index++) pace.learn(normal(), 1)
    assert.ok(Math.abs(pace.spread(1) - 1) < 0.25, `${pace.spread(1)}`)
    for (let index = 0; index < 60; index++) pace.learn(4 * normal(), 1)
    assert.ok(pace.spread(1) > 2, `${pace.spread(1)} after a lookback`)
    for (let index = 0; index < 500; index++) pace.learn(4 * normal(), 1)
    assert.ok(Math.abs(pace.spread(1) - 4) < 1, `${pace.spread(1)} in the end`)
  })

  it('remembers how the price moves when it stands still, or its closes begin anew', () => {
    const normal = normals(4)
    const pace = new StepPace(20)
    for (let index = 0; index < 200; index++) pace.learn(normal(), 1)
    for (let index = 0; index < 100; index++) pace.learn(0, 1)
    assert.ok(pace.spread(1) > 0.3, `${pace.spread(1)} while it stands`)
    pace.clear()
    assert.equal(pace.spread(1), 0)
    pace.learn(0, 1)
    assert.ok(pace.spread(1) > 1, `${pace.spread(1)} with one step`)
  })

  it('is little widened by a print far from the market that comes back', () => {
    const normal = normals(5)
    const pace = new StepPace(60)
    for (let index = 0; index < 300; index++) pace.learn(0.01 * normal(), 1)
    const before = pace.spread(1)
    pace.learn(2, 1)
    pace.learn(-2, 1)
    assert.ok(pace.spread(1) < 2 * before, `${before} before, ${pace.spread(1)} after`)
  })

  it('does not cut off the moves of a price that seldom moves', () => {
    const pace = new StepPace(60)
    for (let index = 0; index < 5000; index++) pace.learn(index % 40 === 0 ? 0.01 : 0, 1)
    const truth = Math.sqrt(0.0001 / 40)
    assert.ok(Math.abs(pace.spread(1) / truth - 1) < 0.3, `${pace.spread(1)}, expected ${truth}`)
  })

  it('continues from its stored state with the same bits', () => {
    const normal = normals(6)
    const [pace, again] = [new StepPace(10), new StepPace(10)]
    for (let index = 0; index < 50; index++) pace.learn(normal(), 1 + (index % 3))
    again.restore(JSON.parse(JSON.stringify(pace.state())) as number[])
    for (const one of [pace, again]) one.learn(0.5, 2)
    assert.deepEqual(again.state(), pace.state())
  })
})
