import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { until } from '../../support/until.ts'
import { assertConsistent } from './consistent.ts'
import { spawnStack, type StackProcess } from './stack-process.ts'

const START_LIMIT_MS = 200_000
const RESTART_LIMIT_MS = 120_000
const SYMBOLS = ['AAPL', 'BINANCE:BTCUSDT']
/** Kafka and MongoDB take about half of it. */
const DISK_MEGABYTES = 900

/** Mounts a small disk on a folder, or says why that cannot be done here. */
function mount(folder: string): string | undefined {
  try {
    const options = ['-t', 'tmpfs', '-o', `size=${DISK_MEGABYTES}m`, 'tapedeck', folder]
    execFileSync('mount', options, { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `a small disk cannot be mounted here: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`
  }
}

const folder = mkdtempSync(path.join(tmpdir(), 'tapedeck-disk-'))
const whyNot = process.platform === 'linux' ? mount(folder) : 'tmpfs is of Linux'
if (whyNot === undefined) process.once('exit', () => execFileSync('umount', ['-l', folder]))
process.once('exit', () => rmdirSync(folder))

/** Writes a file until the disk has no room for another byte. */
async function fill(file: string): Promise<void> {
  const handle = await open(file, 'w')
  try {
    for (const bytes of [2 ** 20, 4096]) {
      const zeros = Buffer.alloc(bytes)
      for (;;) await handle.write(zeros)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    await handle.close()
  }
}

/** The sum of a metric of the producer. */
async function metric(stack: StackProcess, name: string): Promise<number> {
  const url = /^ +producer +\d+ +(\S+)readyz/m.exec(stack.output())?.[1] ?? ''
  const text = await (await fetch(`${url}metrics`)).text()
  return [...text.matchAll(new RegExp(`^tapedeck_${name}(?:{.*})? (\\S+)$`, 'gm'))]
    .map(([, value]) => Number(value))
    .reduce((sum, value) => sum + value, 0)
}

async function stop(t: TestContext, stack: StackProcess): Promise<void> {
  await t.test('Ctrl-C ends it in order', async () => {
    process.kill(-stack.pid, 'SIGINT')
    assert.deepEqual(await stack.exited, { code: 0, signal: null }, stack.output())
  })
}

describe('a stack on a full disk', { timeout: 600_000, skip: whyNot }, () => {
  it('says so once, goes on by itself when there is room, and has lost nothing', async (t) => {
    const dataDir = path.join(folder, 'data')
    const filler = path.join(folder, 'filler')
    await mkdir(dataDir)
    const stack = spawnStack(t, dataDir, { SYMBOLS: SYMBOLS.join(','), SIMULATOR_RATE: '20' })
    await stack.says(/first bar stored after/, START_LIMIT_MS)

    await fill(filler)
    await stack.says(/! The disk of \S+ has \d+\.\d MB left, expected/)
    await stack.says(/! Kafka ended with exit code 1/)
    // The lock file cannot be written now; the next writes must not be refused for that.
    process.kill(stack.pidOf('api'), 'SIGKILL')
    await stack.says(/! The api ended with SIGKILL; starting it again/)

    const received = await metric(stack, 'trades_received_total')
    await until(
      'more trades',
      async () => (await metric(stack, 'trades_received_total')) > received
    )

    await rm(filler)
    await stack.says(/There is room again: the disk of \S+ has \d+\.\d MB left/)
    await stack.says(/The api runs again/, RESTART_LIMIT_MS)
    await stack.says(/Kafka runs again/, RESTART_LIMIT_MS)
    await stack.ready()

    process.kill(stack.pidOf('simulator'), 'SIGSTOP')
    try {
      const trades = await assertConsistent(stack, SYMBOLS)
      const lost = await metric(stack, 'trades_lost_total')
      assert.equal(trades + lost, await metric(stack, 'trades_received_total'))
      assert.equal(lost, 0)
    } finally {
      process.kill(stack.pidOf('simulator'), 'SIGCONT')
    }
    assert.equal(stack.count(/! The disk of/), 1, stack.output())
    assert.equal(stack.count(/There is room again/), 1, stack.output())
    await stop(t, stack)

    await t.test('a start on a full disk is refused with what to do', async (t2) => {
      await fill(filler)
      const refused = spawnStack(t2, dataDir)
      assert.deepEqual(await refused.exited, { code: 2, signal: null }, refused.output())
      assert.match(refused.output(), /Cannot start: the disk of \S+ has \d+\.\d MB left, expected/)
      await rm(filler)
    })

    await t.test('the next start works', async (t2) => {
      const next = spawnStack(t2, dataDir)
      await next.says(/first bar stored after/, START_LIMIT_MS)
      await stop(t2, next)
    })
  })
})
