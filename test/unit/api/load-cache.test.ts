import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LoadCache } from '@tapedeck/api/testing'
import type { Clock } from '@tapedeck/core'

function turnableClock(): Clock & { nowMs: number } {
  return {
    nowMs: 1_000_000,
    now() {
      return this.nowMs
    },
    delay: () => Promise.reject(new Error('not used'))
  }
}

function aCache(limits: { maxEntries?: number; maxWeight?: number } = {}) {
  const clock = turnableClock()
  const cache = new LoadCache<string>({
    ttlMs: 250,
    maxEntries: 10,
    maxWeight: 1000,
    weigh: ({ length }) => length,
    clock,
    ...limits
  })
  let loads = 0
  const get = (key: string, value = 'v') => {
    return cache.get(key, async () => {
      loads++
      return value
    })
  }
  return { cache, clock, get, loadCount: () => loads }
}

describe('LoadCache', () => {
  it('loads once for simultaneous callers and for 250 ms from the start of the load', async () => {
    const { clock, get, loadCount } = aCache()
    const [first, second] = [get('a'), get('a')]
    assert.deepEqual({ first: first.hit, second: second.hit }, { first: false, second: true })
    await Promise.all([first.value, second.value])
    clock.nowMs += 250
    assert.equal(get('a').hit, true)
    assert.equal(loadCount(), 1)
  })

  it('never returns a value whose load began more than 250 ms ago, also while it runs', () => {
    const { cache, clock, get } = aCache()
    const slow = new Promise<string>(() => undefined)
    void cache.get('a', () => slow)
    clock.nowMs += 251
    assert.equal(get('a').hit, false)
  })

  it('loads again when the clock was set back', () => {
    const { clock, get } = aCache()
    get('a')
    clock.nowMs -= 1
    assert.equal(get('a').hit, false)
  })

  it('passes a failure to all waiting callers and keeps none', async () => {
    const { cache, get } = aCache()
    const failed = Promise.reject(new Error('away'))
    const fail = () => failed
    const waiting = [cache.get('a', fail), cache.get('a', fail)]
    for (const { value } of waiting) await assert.rejects(value, /away/)
    assert.equal(cache.size, 0)
    assert.equal(await get('a', 'back').value, 'back')
  })

  it('drops the oldest entries when there are too many or they weigh too much', async () => {
    const many = aCache({ maxEntries: 2 })
    for (const key of ['a', 'b', 'c']) many.get(key)
    assert.equal(many.cache.size, 2)
    assert.deepEqual({ c: many.get('c').hit, a: many.get('a').hit }, { c: true, a: false })

    const heavy = aCache({ maxWeight: 10 })
    await heavy.get('a', '123456').value
    await heavy.get('b', '123456').value
    assert.deepEqual({ size: heavy.cache.size, weight: heavy.cache.weight }, { size: 1, weight: 6 })
    await heavy.get('c', '12345678901').value
    assert.deepEqual({ size: heavy.cache.size, weight: heavy.cache.weight }, { size: 0, weight: 0 })
  })

  it('aborts a load when all its callers have left, and loads again for the next', async () => {
    const { cache, get } = aCache()
    let isAborted = false
    const load = (signal: AbortSignal) =>
      new Promise<string>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          isAborted = true
          reject(new Error('given up'))
        })
      })
    const [first, second] = [cache.get('a', load), cache.get('a', load)]
    first.leave()
    first.leave()
    assert.equal(isAborted, false)
    second.leave()
    assert.equal(isAborted, true)
    await assert.rejects(first.value, /given up/)
    assert.equal(get('a').hit, false)
  })

  it('keeps a loaded value when its callers leave', async () => {
    const { get } = aCache()
    const one = get('a')
    await one.value
    one.leave()
    assert.equal(get('a').hit, true)
  })
})
