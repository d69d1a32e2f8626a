import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { UnreadableDocument } from '@tapedeck/mongo'
import { noteUnreadable } from '@tapedeck/api/testing'
import { aTrade, T0_MS } from '../../support/market-documents.ts'
import { apiOn } from './reader-double.ts'

const RANGE = `from=${T0_MS}&to=${T0_MS + 60_000}`

it('an answer says how many documents it lacks, also when requests share the read', async () => {
  const leftOut: Pick<UnreadableDocument, 'collection'>[] = [
    { collection: 'trades' },
    { collection: 'trades' },
    { collection: 'symbols' }
  ]
  let reads = 0
  const app = apiOn({
    async trades() {
      reads++
      // The driver answers in a later turn.
      await new Promise((resolve) => setImmediate(resolve))
      for (const { collection } of leftOut) noteUnreadable(collection)
      return [aTrade('AAPL', 1000)]
    },
    bars: async () => []
  })
  const ask = (path: string) => app.inject(`/api/v1/${path}`)
  const answers = await Promise.all([
    ask(`trades?${RANGE}`),
    ask(`trades?${RANGE}`),
    // Another question that reads the same trades.
    ask(`trades?from=${T0_MS + 1}&to=${T0_MS + 60_000}`),
    ask('bars')
  ])
  assert.equal(reads, 1)
  assert.deepEqual(
    answers.map(({ headers }) => headers['tapedeck-unreadable']),
    ['trades=2, symbols=1', 'trades=2, symbols=1', 'trades=2, symbols=1', undefined]
  )
})
