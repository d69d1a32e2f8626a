import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, TapedeckError } from '@tapedeck/core'
import { createMetrics } from '@tapedeck/service'
import fc from 'fast-check'
import { ReadBudget, type BudgetConfig } from '../../../services/api/src/budget.ts'

const never = new AbortController().signal

function aBudget(parts: Partial<BudgetConfig> = {}) {
  const config = { reads: 2, rows: 100, waiting: 10, waitMs: 60_000, ...parts }
  const budget = new ReadBudget(config, createMetrics())
  const running = new Map<string, () => void>()
  const order: string[] = []
  /** A read that runs until `end(name)`; resolves with its name or with the code of its refusal. */
  const read = (name: string, rows: number, signal = never): Promise<string> =>
    budget
      .run(rows, signal, () => {
        order.push(name)
        return new Promise<string>((resolve) => running.set(name, () => resolve(name)))
      })
      .catch((error: unknown) =>
        hasCode(error, 'OVERLOADED') || hasCode(error, 'ABORTED') ? error.code : 'other'
      )
  const end = async (name: string): Promise<void> => {
    running.get(name)?.()
    running.delete(name)
    await turn()
  }
  return { read, end, order, running }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('ReadBudget', () => {
  it('runs so many reads at one time, then the cheapest that waits', async () => {
    const { read, end, order } = aBudget()
    const all = [read('a', 10), read('b', 10), read('dear', 50), read('c', 10), read('d', 10)]
    await turn()
    assert.deepEqual(order, ['a', 'b'])
    await end('a')
    await end('b')
    assert.deepEqual(order, ['a', 'b', 'c', 'd'])
    for (const name of ['c', 'd', 'dear']) await end(name)
    assert.deepEqual(await Promise.all(all), ['a', 'b', 'dear', 'c', 'd'])
  })

  it('runs no more rows together than allowed, but a read of more than all of them alone', async () => {
    const { read, end, order } = aBudget({ reads: 10 })
    const all = [read('a', 60), read('b', 60), read('huge', 1000)]
    await turn()
    assert.deepEqual(order, ['a'])
    await end('a')
    assert.deepEqual(order, ['a', 'b'])
    await end('b')
    assert.deepEqual(order, ['a', 'b', 'huge'])
    await end('huge')
    await Promise.all(all)
  })

  it('refuses the dearest when too many wait', async () => {
    const { read, end } = aBudget({ reads: 1, waiting: 2 })
    const [first, dear, cheap, other] = [read('a', 1), read('b', 90), read('c', 5), read('d', 6)]
    assert.equal(await dear, 'OVERLOADED')
    assert.equal(await read('e', 99), 'OVERLOADED')
    for (const name of ['a', 'c', 'd']) await end(name)
    assert.deepEqual(await Promise.all([first, cheap, other]), ['a', 'c', 'd'])
  })

  it('refuses a read that waits too long', async () => {
    const { read, end } = aBudget({ reads: 1, waitMs: 1 })
    const first = read('a', 1)
    assert.equal(await read('b', 1), 'OVERLOADED')
    await end('a')
    assert.equal(await first, 'a')
  })

  it('forgets a read whose clients have left, running or not', async () => {
    const { read, end, order } = aBudget({ reads: 1 })
    const leaving = new AbortController()
    const [first, second, third] = [read('a', 1), read('b', 1, leaving.signal), read('c', 1)]
    leaving.abort()
    assert.equal(await second, 'ABORTED')
    assert.equal(await read('d', 1, leaving.signal), 'ABORTED')
    await end('a')
    await end('c')
    assert.deepEqual(await Promise.all([first, third]), ['a', 'c'])
    assert.deepEqual(order, ['a', 'c'])
  })

  it('never exceeds its limits, and every read ends, whatever comes', async () => {
    const one = fc.record({ rows: fc.integer({ min: 1, max: 150 }), leaves: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(
        fc.array(one, { maxLength: 30 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(8),
        async (asked, reads, waiting) => {
          const { read, end, running } = aBudget({ reads, waiting })
          const rowsOf = new Map(asked.map(({ rows }, at) => [String(at), rows]))
          const all = asked.map(({ rows, leaves }, at) => {
            const leaving = new AbortController()
            const result = read(String(at), rows, leaving.signal)
            if (leaves) leaving.abort()
            return result
          })
          for (;;) {
            await turn()
            assert.ok(running.size <= reads)
            const rows = [...running.keys()].reduce((sum, at) => sum + (rowsOf.get(at) ?? 0), 0)
            assert.ok(rows <= 100 || running.size === 1)
            const [next] = running.keys()
            if (next === undefined) break
            await end(next)
          }
          assert.equal((await Promise.all(all)).length, asked.length)
        }
      ),
      { numRuns: 100 }
    )
  })

  it('says that the database is away to reads that wait for one that found it so', async () => {
    const budget = new ReadBudget(
      { reads: 1, rows: 100, waiting: 0, waitMs: 60_000 },
      createMetrics()
    )
    const away = new TapedeckError('DATABASE_UNREACHABLE', 'away')
    const code = (work: Promise<unknown>): Promise<unknown> =>
      work.catch((error: unknown) => (error instanceof TapedeckError ? error.code : error))
    const fail = (): Promise<never> => Promise.reject(away)
    assert.equal(await code(budget.run(1, never, fail)), 'DATABASE_UNREACHABLE')
    const held = Promise.withResolvers<string>()
    const running = budget.run(1, never, () => held.promise)
    assert.equal(await code(budget.run(1, never, fail)), 'DATABASE_UNREACHABLE')
    held.resolve('found')
    assert.equal(await running, 'found')
    const next = budget.run(1, never, () => new Promise(() => undefined))
    assert.equal(await code(budget.run(1, never, fail)), 'OVERLOADED')
    void next
  })

  it('refuses a ninth table until one of eight is written', async () => {
    const budget = new ReadBudget(
      { reads: 1, rows: 1, waiting: 0, waitMs: 60_000 },
      createMetrics()
    )
    const held = Promise.withResolvers<void>()
    const eight = Array.from({ length: 8 }, () => budget.table(() => held.promise))
    await assert.rejects(
      budget.table(() => Promise.resolve()),
      /8 tables are being written/
    )
    held.resolve()
    await Promise.all(eight)
    assert.equal(await budget.table(() => Promise.resolve('ninth')), 'ninth')
  })
})
