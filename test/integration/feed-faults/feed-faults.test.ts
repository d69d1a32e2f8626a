import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { FEED_SCENARIOS, playAll } from '../../programs/feed/play-all.ts'
import type { Result } from '../../programs/feed/play-scenario.ts'

// Goal: every fault of a feed is survived and reported. Method: real simulator, producer, broker,
// consumer and database; the same scenarios as `npm run test:feed`, a few at a time.
describe('under every fault of the feed', { timeout: 280_000 }, () => {
  const results = new Map<string, Result>()
  const stop = new AbortController()
  const waiting = new Map(
    FEED_SCENARIOS.map(({ name }) => [name, Promise.withResolvers<Result>()] as const)
  )
  let playing: Promise<unknown> = Promise.resolve()

  before(() => {
    playing = playAll(
      FEED_SCENARIOS,
      (result) => {
        results.set(result.name, result)
        waiting.get(result.name)?.resolve(result)
      },
      stop.signal
    )
  })
  after(async () => {
    stop.abort()
    await playing
  })

  for (const { name, reaction } of FEED_SCENARIOS) {
    it(`${name}: ${reaction}`, async () => {
      const result = await waiting.get(name)?.promise
      assert.deepEqual(result?.problems, [])
    })
  }
})
