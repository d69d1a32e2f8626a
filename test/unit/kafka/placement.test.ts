import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { partitionOf } from '@tapedeck/kafka'

describe('partitionOf()', () => {
  it('gives the partition of the Java client', () => {
    // murmur2 of Kafka's UtilsTest: "21" -> -973932308, "foobar" -> -790332482.
    assert.equal(partitionOf('21', 7), (-973_932_308 & 0x7fff_ffff) % 7)
    assert.equal(partitionOf('foobar', 1000), (-790_332_482 & 0x7fff_ffff) % 1000)
    assert.equal(partitionOf(Buffer.from('foobar'), 1000), partitionOf('foobar', 1000))
  })

  it('moves most keys when the count changes, which is why a topic keeps its count', () => {
    const keys = Array.from({ length: 100 }, (_, index) => `SYM${index}`)
    const moved = keys.filter((key) => partitionOf(key, 6) !== partitionOf(key, 12))
    assert.ok(moved.length > 30)
  })
})
