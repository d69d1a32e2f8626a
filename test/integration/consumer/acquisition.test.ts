import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { consumerMetrics, EndWatch, Partitions } from '@tapedeck/consumer/testing'
import { systemClock } from '@tapedeck/core'
import { openLogEnds, openTopicIds, pingBroker } from '@tapedeck/kafka'
import { createLogger, createMetrics } from '@tapedeck/service'
import { openMarket, type Market } from '../../support/market.ts'
import type { Scope } from '../../support/scope.ts'

type Retry = ConstructorParameters<typeof Partitions>[0]['retry']

/** The partitions of a member of a group that exists in this test alone. */
async function aMember(
  t: Scope,
  { kafka, database, ...market }: Market,
  pid: number,
  retry: Retry
) {
  const topicIds = openTopicIds(kafka, { clientId: 'test' })
  const logEnds = openLogEnds(kafka, 'test')
  t.after(() => Promise.all([topicIds.close(), logEnds.close()]))
  const failures: unknown[] = []
  const partitions: Partitions = new Partitions({
    config: market.consumer(),
    database,
    metrics: consumerMetrics(createMetrics()),
    log: createLogger('test', 'silent'),
    signal: new AbortController().signal,
    clock: systemClock,
    clusterId: await pingBroker(kafka, 10_000),
    process: { host: 'test', pid, started: 'today' },
    ends: new EndWatch({
      ends: logEnds,
      positions: () => partitions.positions,
      monotonicMs: () => performance.now()
    }),
    retry,
    fail: (error) => void failures.push(error),
    sendDead: () => Promise.resolve(),
    bars: undefined,
    forecasts: undefined,
    topicId: () => topicIds.read(),
    hashAt: () => Promise.resolve(undefined),
    reseek: () => undefined,
    committed: () => undefined
  })
  return { partitions, failures }
}

describe('an acquisition', { timeout: 60_000 }, () => {
  it('that was kept back does not fence the member that was assigned the partition meanwhile', async (t) => {
    const market = await openMarket(t)
    const answer = Promise.withResolvers<void>()
    const tried = Promise.withResolvers<unknown>()
    const slow = await aMember(t, market, 1, async (work) => {
      await answer.promise // the broker was away
      const trying = work()
      trying.then(tried.resolve, tried.resolve)
      return trying
    })
    const quick = await aMember(t, market, 2, (work) => work())
    slow.partitions.assigned([0], 'slow')
    slow.partitions.assigned([], 'slow')
    quick.partitions.assigned([0], 'quick')
    await quick.partitions.nextOffset(0)
    answer.resolve()
    assert.match(String(await tried.promise), /was assigned again/)
    const checkpoint = await market.database.checkpoints.findOne({ _id: `${market.kafka.topic}/0` })
    assert.deepEqual(
      { epoch: checkpoint?.epoch, member: checkpoint?.owner.memberId },
      { epoch: 1, member: 'quick' }
    )
    assert.deepEqual([slow.failures, quick.failures], [[], []])
  })
})
