import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { whyNotAsBytes } from '@tapedeck/mongo'
import { BSON, findSequences, inCommands } from '@tapedeck/mongo/testing'

const driver =
  (version: string, commands: object) =>
  (file: string): unknown =>
    file.endsWith('package.json') ? { version } : commands

describe('findSequences()', () => {
  it('finds the class in the driver that is installed', () => {
    assert.equal(whyNotAsBytes, undefined)
    assert.equal(typeof findSequences(), 'function')
  })

  it('says why another driver is given the documents themselves', () => {
    const DocumentSequence = Map
    assert.equal(findSequences(driver('7.9.3', { DocumentSequence })), DocumentSequence)
    assert.equal(
      findSequences(driver('8.0.0', { DocumentSequence })),
      'found version 8.0.0 of the driver, expected 7.9'
    )
    assert.equal(findSequences(driver('7.9.0', {})), 'the driver has no DocumentSequence')
    const missing = () => {
      throw new Error('Cannot find module')
    }
    assert.equal(findSequences(missing), 'Cannot find module')
  })
})

describe('inCommands()', () => {
  const MEBIBYTE = 1024 * 1024
  class Sequence {
    documents: readonly object[] = []
    bytes = new Uint8Array()
    push(_document: unknown, bytes: Uint8Array): number {
      this.bytes = Uint8Array.from(bytes)
      return bytes.length
    }
  }

  for (const [way, sequences] of [
    ['as bytes', Sequence],
    ['through the driver', 'another driver']
  ] as const) {
    it(`sends all documents in commands that are small enough, ${way}`, async () => {
      const documents = [
        ...Array.from({ length: 4500 }, (_, i) => ({ _id: i })),
        ...Array.from({ length: 20 }, (_, i) => ({ _id: i, text: 'x'.repeat(3 * MEBIBYTE) }))
      ]
      const sizes: number[] = []
      const sent: object[] = []
      await inCommands(
        'documents',
        documents,
        async (value, from) => {
          assert.equal(from, sent.length)
          const part = value instanceof Sequence ? value.documents : (value as object[])
          const bytes = Buffer.concat(part.map((one) => BSON.serialize(one)))
          if (value instanceof Sequence) assert.ok(bytes.equals(value.bytes))
          assert.ok(part.length <= 2000 && bytes.length < 8 * MEBIBYTE + 3.1 * MEBIBYTE)
          sizes.push(part.length)
          sent.push(...part)
        },
        sequences
      )
      assert.deepEqual(sent, documents)
      assert.deepEqual(sizes.slice(0, 2), [2000, 2000])
    })
  }
})
