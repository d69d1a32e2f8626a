import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createMetrics, unreadableReport, type Logger } from '@tapedeck/service'

it('counts every document that is left out, and names each once', async () => {
  const metrics = createMetrics()
  const lines: string[] = []
  const log = { warn: (_details: object, text: string) => lines.push(text) } as unknown as Logger
  const report = unreadableReport({ metrics, log })
  for (const id of ['a', 'b', 'a']) {
    report({ collection: 'trades', id, problem: 'price is NaN, expected a number' })
  }
  for (let i = 0; i < 500; i++) report({ collection: 'bars', id: String(i), problem: 'p' })
  const { body } = await metrics.expose()
  assert.match(body, /documents_unreadable_total\{collection="trades"\} 3\n/)
  assert.match(body, /documents_unreadable_total\{collection="bars"\} 500\n/)
  assert.equal(lines[0], 'a document of trades cannot be read: price is NaN, expected a number')
  assert.equal(lines.length, 100)
})
