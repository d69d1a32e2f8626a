import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Subscriptions } from '@tapedeck/feed'

function steps(book: Subscriptions): string[] {
  const found: string[] = []
  for (let step = book.next(); step !== undefined; step = book.next()) {
    found.push(`${step.action} ${step.symbol}`)
  }
  return found
}

function changes(book: Subscriptions): string[] {
  return book
    .drainChanges()
    .map(({ symbol, standing, reason }) =>
      reason === null ? `${symbol} ${standing}` : `${symbol} ${standing}: ${reason}`
    )
}

describe('Subscriptions', () => {
  it('unsubscribes first from what is no longer wanted, then subscribes to what is missing', () => {
    const book = new Subscriptions(['A', 'B', 'C'])
    assert.deepEqual(steps(book), ['subscribe A', 'subscribe B', 'subscribe C'])
    assert.deepEqual(steps(book), [])
    book.want(['B', 'D'])
    assert.deepEqual(steps(book), ['unsubscribe A', 'unsubscribe C', 'subscribe D'])
  })

  it('subscribes to everything again on the next connection', () => {
    const book = new Subscriptions(['A', 'B'])
    steps(book)
    book.want(['B', 'C'])
    book.restart()
    assert.deepEqual(steps(book), ['subscribe B', 'subscribe C'])
  })

  it('excludes the last requested symbol when there are too many, and names all excluded ones', () => {
    const book = new Subscriptions(['A', 'B', 'C', 'D'])
    for (const _ of ['A', 'B', 'C']) book.next()
    book.drainChanges()
    book.overLimit('too many')
    assert.deepEqual(steps(book), [])
    assert.deepEqual(changes(book), ['C over the limit: too many', 'D over the limit: too many'])
  })

  it('subscribes to an excluded symbol as soon as another is unsubscribed', () => {
    const book = new Subscriptions(['A', 'B', 'C', 'D'])
    steps(book)
    book.overLimit('too many')
    book.overLimit('too many')
    book.want(['B', 'C', 'D'])
    changes(book)
    assert.deepEqual(steps(book), ['unsubscribe A', 'subscribe C'])
    assert.deepEqual(changes(book), ['A unsubscribed', 'C asked for'])
  })

  it('excludes no acknowledged symbol', () => {
    const book = new Subscriptions(['A', 'B', 'C'])
    steps(book)
    book.acknowledge(['A', 'C'])
    changes(book)
    book.overLimit('too many')
    assert.deepEqual(changes(book), ['B over the limit: too many'])
  })

  it('subscribes to one symbol again without giving its place to another', () => {
    const book = new Subscriptions(['A', 'B', 'C'])
    steps(book)
    book.overLimit('too many')
    book.renew('A')
    book.renew('not there')
    assert.deepEqual(steps(book), ['unsubscribe A', 'subscribe A'])
  })

  it('subscribes to nothing more when even one symbol is too many', () => {
    const book = new Subscriptions(['A'])
    steps(book)
    book.overLimit('too many')
    book.overLimit('too many')
    assert.deepEqual(steps(book), [])
  })

  it('leaves out a rejected symbol, in whose room another fits, until it is asked for again', () => {
    const book = new Subscriptions(['A', 'B', 'C'])
    steps(book)
    book.overLimit('too many')
    book.drainChanges()
    assert.equal(book.reject('A', 'no such symbol'), true)
    assert.equal(book.reject('A', 'no such symbol'), false)
    assert.deepEqual(steps(book), ['subscribe C'])
    assert.deepEqual(changes(book), ['A rejected: no such symbol', 'C asked for'])
    book.want(['A', 'B'])
    book.askAgain('A')
    assert.deepEqual(steps(book), ['unsubscribe C', 'subscribe A'])
  })

  it('requests all wanted symbols but the rejected ones, whatever was wanted and rejected before', () => {
    const symbols = ['A', 'B', 'C', 'D', 'E']
    const one = fc.constantFrom(...symbols)
    const action = fc.oneof(
      fc.record({ want: fc.subarray(symbols) }),
      fc.record({ reject: one }),
      fc.record({ again: one })
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const book = new Subscriptions([])
        let wanted: readonly string[] = []
        const rejected = new Set<string>()
        const sent = new Set<string>()
        const standings = new Map<string, string>()
        for (const given of actions) {
          if ('want' in given) book.want((wanted = given.want))
          else if ('again' in given) {
            book.askAgain(given.again)
            rejected.delete(given.again)
          } else {
            assert.equal(book.reject(given.reject, 'no'), sent.delete(given.reject))
            if (wanted.includes(given.reject)) rejected.add(given.reject)
          }
          for (const symbol of rejected) if (!wanted.includes(symbol)) rejected.delete(symbol)
          for (let step = book.next(); step !== undefined; step = book.next()) {
            if (step.action === 'subscribe') assert.equal(sent.has(step.symbol), false)
            if (step.action === 'subscribe') sent.add(step.symbol)
            else sent.delete(step.symbol)
          }
          for (const { symbol, standing } of book.drainChanges()) standings.set(symbol, standing)
          const expected = wanted.filter((symbol) => !rejected.has(symbol)).toSorted()
          assert.deepEqual([...sent].toSorted(), expected)
          for (const symbol of wanted) {
            const standing = rejected.has(symbol) ? 'rejected' : 'asked for'
            assert.equal(standings.get(symbol), standing)
          }
        }
      }),
      { numRuns: 500 }
    )
  })

  it('ends with the set that the server sends, however late its answers are', () => {
    const symbols = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']
    const round = fc.record({
      wanted: fc.subarray(symbols),
      lags: fc.array(fc.nat(6), { minLength: 12, maxLength: 12 })
    })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        fc.array(round, { minLength: 1, maxLength: 6 }),
        (limit, acknowledges, rounds) => {
          const book = new Subscriptions([])
          const asked = new Set<string>()
          const sent = new Set<string>()
          for (const { wanted, lags } of rounds) {
            book.want(wanted)
            let answers: { inTurns: number; tell: () => void }[] = []
            for (let turn = 0; ; turn++) {
              const step = book.next()
              for (const { symbol, standing } of book.drainChanges()) {
                if (standing === 'asked for') asked.add(symbol)
                else if (standing !== 'acknowledged') asked.delete(symbol)
              }
              if (step === undefined && answers.length === 0) break
              if (step?.action === 'unsubscribe') sent.delete(step.symbol)
              if (step?.action === 'subscribe') {
                // Answers keep their order, as on a socket.
                const after = Math.max(0, ...answers.map(({ inTurns }) => inTurns))
                const inTurns = Math.max(after, lags[turn % lags.length] ?? 0)
                if (sent.size >= limit) {
                  answers.push({ inTurns, tell: () => book.overLimit('too many') })
                } else {
                  sent.add(step.symbol)
                  const all = [...sent]
                  if (acknowledges) answers.push({ inTurns, tell: () => book.acknowledge(all) })
                }
              }
              answers = answers.flatMap((answer) => {
                if (answer.inTurns > 0) return [{ ...answer, inTurns: answer.inTurns - 1 }]
                answer.tell()
                return []
              })
            }
            assert.deepEqual([...asked].toSorted(), [...sent].toSorted())
            assert.equal(sent.size, Math.min(limit, wanted.length))
          }
        }
      ),
      { numRuns: 500 }
    )
  })
})
