import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readResumeToken, resumeToken, type Log } from '@tapedeck/api/testing'
import fc from 'fast-check'

const offsets = fc.array(fc.nat(2 ** 40), { minLength: 1, maxLength: 12 })

describe('resumeToken()', () => {
  it('is read back as it was written', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[0-9a-f]{1,8}$/),
        offsets,
        fc.option(offsets),
        fc.option(offsets),
        (topic, trades, bars, forecasts) => {
          const logs: [Log, number[] | null][] = [
            ['trades', trades],
            ['bars', bars],
            ['forecasts', forecasts]
          ]
          const positions = new Map(
            logs.flatMap(([log, found]) =>
              found === null
                ? []
                : [[log, new Map(found.map((offset, at) => [at, offset]))] as const]
            )
          )
          assert.deepEqual(readResumeToken(resumeToken({ topic, positions })), { topic, positions })
        }
      )
    )
  })

  it('does not depend on the order in which partitions are known', () => {
    const positions = new Map([
      [
        'trades' as const,
        new Map([
          [1, 20],
          [0, 10]
        ])
      ]
    ])
    assert.equal(resumeToken({ topic: 'ab', positions }), 'ab.10-20..')
  })

  it('is no other text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const point = readResumeToken(text)
        if (point !== undefined) assert.equal(typeof resumeToken(point), 'string')
      })
    )
    for (const text of [
      '',
      'ab',
      'ab.1-2',
      'ab.1-.2.3',
      'ab.x.1.2',
      'AB.1.2.3',
      'ab.1.2.3.4',
      'ab.-1..'
    ]) {
      assert.equal(readResumeToken(text), undefined, text)
    }
  })
})
