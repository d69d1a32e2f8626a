import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineFlow } from '../../../services/batch/src/flow.ts'

describe('defineFlow()', () => {
  it('waits for the tasks whose results it takes, and for those without data', () => {
    const flow = defineFlow({ name: 'prices', about: '' }, ({ task }) => {
      const document = task('document', {}, () => 'file')
      const extract = task('extract', { retries: 10, retryDelayMs: 30_000 }, () => [1, 2])
      task(
        'load',
        { inputs: { rows: extract }, after: [document] },
        ({ inputs }) => inputs.rows.length
      )
    })
    assert.deepEqual(
      flow.tasks.map(({ name, after }) => [name, after]),
      [
        ['document', []],
        ['extract', []],
        ['load', ['extract', 'document']]
      ]
    )
    assert.deepEqual(flow.functions.get('load')?.inputs, { rows: 'extract' })
  })

  it('refuses a flow whose graph is wrong, and names every mistake', () => {
    assert.throws(
      () =>
        defineFlow({ name: 'twice', about: '' }, ({ task }) => {
          task('a', { retries: -1 }, () => null)
          task('a', {}, () => null)
        }),
      { code: 'CONFIG_INVALID', message: /task 'a' found twice[^]*retries -1 found/ }
    )
  })
})
