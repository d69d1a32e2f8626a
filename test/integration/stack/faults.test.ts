import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertConsistent } from './consistent.ts'
import { spawnStack, temporaryFolder, type StackProcess } from './stack-process.ts'

/** A busy machine takes minutes. */
const START_LIMIT_MS = 200_000
const RESTART_LIMIT_MS = 90_000
const SERVICES = ['simulator', 'producer', 'consumer', 'api', 'batch'] as const
const SERVERS = ['Kafka', 'MongoDB'] as const
const SYMBOLS = ['AAPL', 'BINANCE:BTCUSDT']

const titleOf = (name: string): string => (name in { Kafka: 0, MongoDB: 0 } ? name : `The ${name}`)

/** Stops the processes for so long that the terminal names each, and lets them go on. */
async function pause(stack: StackProcess, names: readonly string[]): Promise<void> {
  const pids = names.map((name) => stack.pidOf(name))
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  try {
    for (const name of names) await stack.says(new RegExp(`! ${titleOf(name)} is not ready: `))
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT')
  }
  for (const name of names) await stack.says(new RegExp(`${titleOf(name)} is ready again$`, 'm'))
}

// The README promises a stack that recovers by itself; these are the faults of a machine that is not its own.
describe('the processes of a running stack', { timeout: 600_000 }, () => {
  it('are started again when killed, named when they hang, and lose no trade', async (t) => {
    const stack = spawnStack(t, await temporaryFolder(t), {
      SYMBOLS: SYMBOLS.join(','),
      SIMULATOR_RATE: '20'
    })
    await stack.says(/first bar stored after/, START_LIMIT_MS)

    for (const name of [...SERVICES, ...SERVERS]) {
      await t.test(`${name} is started again after kill -9`, async () => {
        process.kill(stack.pidOf(name), 'SIGKILL')
        const title = titleOf(name)
        await stack.says(new RegExp(`! ${title} ended with SIGKILL; starting it again`))
        await stack.says(new RegExp(`${title} runs again \\(pid \\d+\\)`), RESTART_LIMIT_MS)
        await stack.ready()
      })
    }

    await t.test('services that hang are named, and that they are ready again', async () => {
      await pause(stack, ['producer', 'consumer', 'api', 'batch'])
      await pause(stack, ['simulator'])
    })

    await t.test(
      'servers that hang are named, and the services do not complain as well',
      async () => {
        const before = stack.count(/! The \w+ is not ready/)
        await pause(stack, SERVERS)
        assert.equal(stack.count(/! The \w+ is not ready/), before, stack.output())
      }
    )

    await t.test('the terminal has named each trouble once, and nothing else', () => {
      const expected = [...SERVICES, ...SERVERS].map(titleOf)
      const troubles = stack.output().match(/(?<=^.*! ).*$/gm) ?? []
      const isExpected = (line: string): boolean =>
        expected.some(
          (title) => line.startsWith(`${title} ended`) || line.startsWith(`${title} is not ready`)
        )
      assert.deepEqual(
        troubles.filter((line) => !isExpected(line)),
        []
      )
      for (const name of [...SERVICES, ...SERVERS]) {
        const title = titleOf(name)
        assert.equal(stack.count(new RegExp(`! ${title} ended`)), 1, stack.output())
        assert.equal(stack.count(new RegExp(`${title} runs again`)), 1, stack.output())
        assert.equal(stack.count(new RegExp(`! ${title} is not ready`)), 1, stack.output())
        assert.equal(stack.count(new RegExp(`${title} is ready again`)), 1, stack.output())
      }
    })

    await t.test(
      'no trade of the topic is lost, and every bar is as its trades make it',
      async () => {
        process.kill(stack.pidOf('simulator'), 'SIGSTOP')
        try {
          assert.ok((await assertConsistent(stack, SYMBOLS)) > 100)
        } finally {
          process.kill(stack.pidOf('simulator'), 'SIGCONT')
        }
      }
    )

    process.kill(-stack.pid, 'SIGINT')
    assert.deepEqual(await stack.exited, { code: 0, signal: null }, stack.output())
  })
})
