import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Troubles } from '@tapedeck/stack/testing'
import { until } from '../../support/until.ts'

describe('Troubles', () => {
  it('explain complaints while one is open', () => {
    const troubles = new Troubles(0)
    assert.equal(troubles.explain(), false)
    troubles.begin('Kafka')
    troubles.begin('MongoDB')
    troubles.end('Kafka')
    assert.equal(troubles.explain(), true)
    assert.equal(troubles.isOpen('Kafka'), false)
    assert.equal(troubles.isOpen('MongoDB'), true)
  })

  it('explain complaints for a while after the last one has ended', async () => {
    const troubles = new Troubles(50)
    troubles.end('Kafka')
    assert.equal(troubles.explain(), false, 'it never began')
    troubles.begin('Kafka')
    troubles.end('Kafka')
    assert.equal(troubles.explain(), true)
    await until('the end of the explanation', () => !troubles.explain())
  })
})
