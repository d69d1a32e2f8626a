import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fillTopic } from '../../programs/bench/backlog.ts'
import { runFloor, type Contender } from '../../programs/bench/floor-run.ts'
import { syntheticRecords } from '../../programs/bench/synthetic-trades.ts'
import { servers } from '../../support/servers.ts'

const SHAPE = { trades: 5000, symbols: 10, perRecord: 5, rate: 1000, seed: 1 }
const CONTENDERS: readonly Contender[] = [
  { name: 'plain', loop: 'plain' },
  { name: 'bytes', loop: 'bytes' },
  { name: 'consumer', loop: 'consumer', env: { BARS_TOPIC: 'off', FORECASTS_TOPIC: 'off' } }
]

describe('what bench:floor compares', { timeout: 120_000 }, () => {
  it('stores every trade of the backlog once', async () => {
    const { brokers, mongoUri, topic } = servers()
    const kafka = { brokers, topic, ssl: false, sasl: undefined }
    const backlog = await fillTopic(kafka, syntheticRecords(SHAPE), 2, () => undefined)
    const { signal } = new AbortController()
    for (const contender of CONTENDERS) {
      const { database } = servers()
      const options = { kafka, mongoUri, database, backlog, mongodPid: undefined, signal }
      assert.deepEqual((await runFloor(contender, options)).problems, [], contender.name)
    }
  })
})
