import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { processIdentity, Secret, thisProcess } from '@tapedeck/core'
import { LeaseKeeper, leaseId } from '@tapedeck/producer/testing'
import { connectDatabase, holdLease, type LeaseProcess } from '@tapedeck/mongo'
import { createLogger } from '@tapedeck/service'
import { eventually } from '../../support/eventually.ts'
import { openMarket } from '../../support/market.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

const options = { timeout: 60_000 }
const quick = { log: createLogger('test', 'silent'), renewMs: 50, retryMs: 20 }
const never = new AbortController().signal

describe('lease', () => {
  it('gives the key to one of many, and to the next once it is released', options, async (t) => {
    const { database } = await openMarket(t)
    const trackers = ['a', 'b', 'c'].map(
      (owner) => new LeaseKeeper(database, { ...quick, id: 'k', owner, ttlMs: 60_000 })
    )
    const holders: number[] = []
    const stop = new AbortController()
    const waiting = trackers.map(async (tracker, index) => {
      await tracker.acquire(stop.signal)
      holders.push(index)
    })
    await eventually(() => assert.equal(holders.length, 1))
    const [holder = 0] = holders
    const others = trackers.filter((_, index) => index !== holder)
    await eventually(() => assert.ok(others.every(({ waitsFor }) => waitsFor !== undefined)))
    assert.equal(holders.length, 1)
    await trackers[holder]!.release({ lastFrameMs: 1234 })
    await eventually(() => assert.equal(holders.length, 2))
    stop.abort()
    await Promise.allSettled(waiting)
  })

  it(
    'hands over the notes of the last holder, and nothing while that one renews the lease',
    options,
    async (t) => {
      const { database } = await openMarket(t)
      const first = new LeaseKeeper(database, { ...quick, id: 'k', owner: 'first', ttlMs: 400 })
      assert.equal((await first.acquire(never))?.lastFrameAt, null)
      const stop = new AbortController()
      const kept = first.keep(() => ({ lastFrameMs: 42_000 }), stop.signal)
      const second = new LeaseKeeper(database, { ...quick, id: 'k', owner: 'second', ttlMs: 400 })
      let before: number | undefined
      const acquiring = second.acquire(never).then((left) => {
        before = left?.lastFrameAt?.getTime()
        return left
      })
      await eventually(async () => {
        const lease = await database.leases.findOne({ _id: 'k' })
        assert.equal(lease?.lastFrameAt?.getTime(), 42_000)
      })
      // As after a kill: nobody renews or releases the lease; it expires by the database's clock.
      stop.abort()
      assert.equal(await kept, undefined)
      await acquiring
      assert.equal(before, 42_000)
    }
  )

  it('takes the lease of a killed process at once, and of no other', options, async (t) => {
    const { database } = await openMarket(t)
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      stdio: 'ignore'
    })
    t.after(() => child.kill('SIGKILL'))
    const me = await thisProcess()
    const first = { owner: 'first', ...me, ...(await processIdentity(child.pid!)) }
    const far = new Date(8e12)
    const held = async (process: LeaseProcess): Promise<boolean> => {
      const lease = { owner: 'first', expiresAt: far, process }
      await database.leases.updateOne({ _id: 'k' }, { $set: lease }, { upsert: true })
      return (await holdLease(database, 'k', 'second', 60_000)).isMine
    }
    assert.equal(await held(first), false, 'it runs')
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    assert.equal(await held({ ...first, host: 'elsewhere' }), false, 'on another machine')
    assert.equal(await held({ ...first, space: 'another' }), false, 'in another container')
    assert.equal(await held({ ...first, owner: 'former' }), false, 'of an owner before this one')
    const second = new LeaseKeeper(database, { ...quick, id: 'k', owner: 'second' })
    assert.equal(await held(first), true)
    await second.acquire(never)
    const { owner, expiresAt, process: own } = (await database.leases.findOne({ _id: 'k' }))!
    assert.deepEqual([owner, own], ['second', { owner: 'second', ...me }])
    assert.ok(expiresAt < far)
  })

  it('reports to a holder that it lost the key', options, async (t) => {
    const { database } = await openMarket(t)
    const first = new LeaseKeeper(database, { ...quick, id: 'k', owner: 'first', ttlMs: 60_000 })
    await first.acquire(never)
    const lost = first.keep(() => ({}), never)
    await database.leases.updateOne(
      { _id: 'k' },
      { $set: { owner: 'thief', expiresAt: new Date(8e12) } }
    )
    assert.equal(await lost, 'thief')
  })

  it(
    'asks after a pause that was longer than the lease, before it lets publish',
    options,
    async (t) => {
      const { database } = await openMarket(t)
      let ms = 0
      const keeper = new LeaseKeeper(database, {
        ...quick,
        id: 'k',
        owner: 'first',
        ttlMs: 60_000,
        monotonicMs: () => ms
      })
      assert.equal(keeper.mayPublish(), true)
      await keeper.acquire(never)
      ms = 59_999
      assert.equal(keeper.mayPublish(), true)
      ms = 60_000
      const first = keeper.mayPublish()
      assert.notEqual(first, true)
      assert.equal(await first, true)
      assert.equal(keeper.mayPublish(), true)
      await database.leases.updateOne(
        { _id: 'k' },
        { $set: { owner: 'thief', expiresAt: new Date(0) } }
      )
      ms = 120_000
      // Though the lease is free again, another producer had it.
      assert.equal(await keeper.mayPublish(), false)
      assert.equal(await keeper.keep(() => ({}), never), 'thief')
      assert.equal(keeper.mayPublish(), false)
      await keeper.acquire(never)
      assert.equal(keeper.mayPublish(), true)
    }
  )

  it('reports while the database is away that the lease is not renewed', options, async (t) => {
    const { config } = await ownDatabase(t)
    const proxy = await openTcpProxy(t, config.uri)
    const database = await connectDatabase({ ...config, uri: proxy.uri }, { timeoutMs: 200 })
    t.after(() => database.close())
    const keeper = new LeaseKeeper(database, { ...quick, id: 'k', ttlMs: 500 })
    await keeper.acquire(never)
    const stop = new AbortController()
    t.after(() => stop.abort())
    void keeper.keep(() => ({}), stop.signal)
    assert.equal(keeper.problem, undefined)
    for (const { go, back, words } of [
      {
        go: proxy.close,
        back: proxy.reopen,
        words: /was not renewed for \d+ s: Cannot hold the lease/
      },
      {
        go: () => proxy.hold(true),
        back: () => proxy.hold(false),
        words: /was not renewed for \d+ s/
      }
    ]) {
      await go()
      await eventually(() => assert.match(keeper.problem ?? '', words))
      assert.equal(keeper.mayPublish() !== false, true)
      await back()
      await eventually(() => assert.equal(keeper.problem, undefined))
    }
  })

  it('names a key without revealing it', () => {
    const id = leaseId('finnhub', new Secret('c0ffee'))
    assert.match(id, /^finnhub\|[0-9a-f]{16}$/)
    assert.doesNotMatch(id, /c0ffee/)
  })
})
