import assert from 'node:assert/strict'
import { open, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Spool, type QueuedRecord, type SpoolConfig } from '@tapedeck/producer/testing'
import fc from 'fast-check'
import { asKilled, log, segmentFiles, temporaryFolder } from './outbox-harness.ts'

const MAX_BYTES = 64 * 1024 * 1024

async function openSpool(
  t: TestContext,
  dir: string,
  more: Partial<SpoolConfig> = {}
): Promise<Spool> {
  const spool = await Spool.open({ dir, maxBytes: MAX_BYTES, fsync: 'interval', ...more }, log)
  t.after(() => spool.close().catch(() => undefined))
  return spool
}

function aQueued(given: Partial<QueuedRecord> = {}): QueuedRecord {
  return { key: 'AAPL', value: '{}', partition: undefined, trades: 1, receivedAt: 1, ...given }
}

async function readAll(spool: Spool): Promise<QueuedRecord[]> {
  const all: QueuedRecord[] = []
  while (spool.hasUnread) all.push(...(await spool.read(1000, 1_000_000)).records)
  return all
}

const anyRecord: fc.Arbitrary<QueuedRecord> = fc.record(
  {
    key: fc.string({ unit: 'grapheme', maxLength: 20 }),
    value: fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.nat(600_000).map((length) => 'x'.repeat(length))
    ),
    partition: fc.constantFrom(undefined, 'all' as const, 0, 7),
    trades: fc.nat(1000),
    receivedAt: fc.integer({ min: 0, max: 4_000_000_000_000 })
  },
  { noNullPrototype: true }
)

describe('Spool', { timeout: 60_000 }, () => {
  it('returns what was appended, in order, also to a later run', async (t) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(anyRecord, { maxLength: 12 }), { maxLength: 4 }),
        fc.boolean(),
        async (runs, isAlways) => {
          const dir = await temporaryFolder(t)
          for (const records of runs) {
            const spool = await openSpool(t, dir, { fsync: isAlways ? 'always' : 'interval' })
            assert.equal((await spool.append(records)).taken, records.length)
            await spool.close()
          }
          const last = await openSpool(t, dir)
          assert.deepEqual(await readAll(last), runs.flat())
        }
      ),
      { numRuns: 40 }
    )
  })

  it('cuts an unfinished entry, wherever the writing ended, and keeps all before it', async (t) => {
    const dir = await temporaryFolder(t)
    const spool = await openSpool(t, dir)
    const records = [1, 2, 3].map((trades) => aQueued({ trades, value: `{"n":${trades}}` }))
    await spool.append(records.slice(0, 2))
    const two = spool.bytes
    await spool.append(records.slice(2))
    const three = spool.bytes
    for (let length = two; length < three; length++) {
      const copy = await asKilled(t, dir)
      const [file = ''] = await segmentFiles(copy)
      await truncate(path.join(copy, file), length)
      const next = await openSpool(t, copy)
      assert.equal(next.cutBytes, length - two)
      await next.append([aQueued({ trades: 9 })])
      assert.deepEqual(
        (await readAll(next)).map(({ trades }) => trades),
        [1, 2, 9]
      )
      await next.close()
    }
  })

  it('cuts the zeros that a power cut leaves at the end', async (t) => {
    const dir = await temporaryFolder(t)
    const spool = await openSpool(t, dir)
    await spool.append([aQueued()])
    const copy = await asKilled(t, dir)
    const [file = ''] = await segmentFiles(copy)
    await truncate(path.join(copy, file), spool.bytes + 5000)
    const next = await openSpool(t, copy)
    assert.equal(next.cutBytes, 5000)
    assert.deepEqual(await readAll(next), [aQueued()])
  })

  it('skips damage, counts its bytes, and continues with the next file', async (t) => {
    const dir = await temporaryFolder(t)
    const spool = await openSpool(t, dir)
    await spool.append([aQueued({ trades: 1 }), aQueued({ trades: 2 }), aQueued({ trades: 3 })])
    const entry = (spool.bytes - 8) / 3
    await spool.close()
    const second = await openSpool(t, dir)
    await second.append([aQueued({ trades: 4 })])
    await second.close()
    const [file = ''] = await segmentFiles(dir)
    const handle = await open(path.join(dir, file), 'r+')
    await handle.write(Buffer.from('!'), 0, 1, 8 + entry + 30)
    await handle.close()
    const third = await openSpool(t, dir)
    const damaged = await third.read(1000, 1_000_000)
    assert.deepEqual(
      damaged.records.map(({ trades }) => trades),
      [1]
    )
    assert.equal(damaged.damagedBytes, 2 * entry)
    assert.deepEqual(
      (await readAll(third)).map(({ trades }) => trades),
      [4]
    )
  })

  it('begins behind the acknowledged entries, and removes files that are acknowledged completely', async (t) => {
    const dir = await temporaryFolder(t)
    const spool = await openSpool(t, dir, { maxBytes: 80_000 })
    const records = Array.from({ length: 200 }, (_, i) =>
      aQueued({ trades: i, value: 'x'.repeat(200) })
    )
    assert.equal((await spool.append(records)).taken, 200)
    const before = (await segmentFiles(dir)).length
    const { end } = await spool.read(150, 1_000_000)
    assert.equal(await spool.acknowledge(end), true)
    assert.ok((await segmentFiles(dir)).length < before)
    const next = await openSpool(t, await asKilled(t, dir))
    const got = (await readAll(next)).map(({ trades }) => trades)
    const readBefore = 200 - got.length
    assert.ok(readBefore > 0)
    assert.deepEqual(
      got,
      records.slice(readBefore).map(({ trades }) => trades)
    )
    while (spool.hasUnread) await spool.acknowledge((await spool.read(1000, 1_000_000)).end)
    assert.equal(spool.isEmpty, true)
    assert.deepEqual(await segmentFiles(dir), [])
    // Numbers are not used twice, or the cursor would hide later entries.
    await spool.append([aQueued()])
    assert.equal((await readAll(await openSpool(t, await asKilled(t, dir)))).length, 1)
  })

  it('reads everything again when the cursor is damaged', async (t) => {
    const dir = await temporaryFolder(t)
    const spool = await openSpool(t, dir)
    await spool.append([aQueued(), aQueued()])
    await spool.acknowledge((await spool.read(1, 1000)).end)
    const copy = await asKilled(t, dir)
    await writeFile(path.join(copy, 'cursor'), 'nonsense and more')
    assert.equal((await readAll(await openSpool(t, copy))).length, 2)
  })

  it('accepts what fits and not a byte more, and accepts more once there is room', async (t) => {
    const dir = await temporaryFolder(t)
    const maxBytes = 50_000
    const spool = await openSpool(t, dir, { maxBytes })
    const records = Array.from({ length: 500 }, () => aQueued({ value: 'x'.repeat(200) }))
    const { taken, problem } = await spool.append(records)
    assert.equal(problem?.code, 'SPOOL_FULL')
    assert.ok(taken > 150 && taken < 500)
    let onDisk = 0
    for (const name of await segmentFiles(dir)) onDisk += (await stat(path.join(dir, name))).size
    assert.equal(onDisk, spool.bytes)
    assert.ok(onDisk <= maxBytes)
    while (spool.hasUnread) await spool.acknowledge((await spool.read(50, 1_000_000)).end)
    assert.equal((await spool.append(records.slice(0, taken))).taken, taken)
  })

  it('reports a full disk, and writes to the next file once there is room', async (t) => {
    const dir = await temporaryFolder(t)
    const spool = await openSpool(t, dir)
    await symlink('/dev/full', path.join(dir, '0000000001.spool'))
    const { taken, problem } = await spool.append([aQueued()])
    assert.equal(taken, 0)
    assert.equal(problem?.code, 'SPOOL_FAILED')
    assert.match(problem?.message ?? '', /ENOSPC/)
    assert.equal((await spool.append([aQueued()])).taken, 1)
    assert.equal((await readAll(spool)).length, 1)
  })

  it('refuses a folder that cannot be written to and names it', async (t) => {
    const dir = await temporaryFolder(t)
    await writeFile(path.join(dir, 'file'), '')
    await assert.rejects(openSpool(t, path.join(dir, 'file', 'spool')), {
      code: 'CONFIG_INVALID',
      message: /^Cannot start: SPOOL_DIR '.*' cannot be written to \(ENOTDIR/
    })
  })

  it('admits one process at a time, and takes over the lock of a process that is gone', async (t) => {
    const dir = await temporaryFolder(t)
    const spool = await openSpool(t, dir)
    await assert.rejects(openSpool(t, dir), { code: 'DATA_DIR_IN_USE' })
    await spool.close()
    const gone = (await readFile('/proc/sys/kernel/pid_max', 'utf8').catch(() => '4194304')).trim()
    const stale = [Number(gone), process.pid].map((pid) =>
      JSON.stringify({ owner: { pid, started: '123' } })
    )
    for (const text of [...stale, '', 'nonsense']) {
      await writeFile(path.join(dir, 'lock'), text)
      await (await openSpool(t, dir)).close()
    }
  })
})
