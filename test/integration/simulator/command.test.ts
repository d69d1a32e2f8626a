import assert from 'node:assert/strict'
import { execFile, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { USAGE } from '@tapedeck/simulator/testing'
import { aTapeFile, handshakeStatus, until } from './feed-client.ts'

const options = { timeout: 60_000 }
const MAIN = path.join(import.meta.dirname, '../../../services/simulator/src/main.ts')
const env = { PATH: process.env['PATH'], LOG_LEVEL: 'info' }

describe('npm run simulator', () => {
  it('prints its usage', options, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, '--help'], { env })
    assert.equal(stdout, USAGE)
  })

  it('refuses bad flags and settings with exit code 2', options, async () => {
    for (const [args, message] of [
      [['--bogus'], /--bogus/],
      [['--port', 'x', '--rate', 'y'], /SIMULATOR_RATE is 'y'[^]*SIMULATOR_PORT is 'x'/]
    ] as const) {
      const run = promisify(execFile)(process.execPath, [MAIN, ...args], { env })
      await assert.rejects(run, (error: Error & { code: number; stderr: string }) => {
        assert.equal(error.code, 2)
        assert.match(error.stderr, message)
        return true
      })
    }
  })

  it(
    'prints the address to paste, prefers flags to the environment, and stops on SIGTERM',
    options,
    async (t) => {
      const child = spawn(process.execPath, [MAIN, '--port', '0'], {
        env: { ...env, SIMULATOR_PORT: '1' },
        stdio: ['ignore', 'pipe', 'inherit']
      })
      t.after(() => child.kill('SIGKILL'))
      let output = ''
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      await until('it prints', () => /^FINNHUB_URL=\S+$/m.test(output))
      const url = /^FINNHUB_URL=(\S+)$/m.exec(output)?.[1] ?? ''
      assert.equal(await handshakeStatus(`${url}?token=any`), 101)
      child.kill('SIGTERM')
      assert.deepEqual(await once(child, 'exit'), [0, null])
    }
  )

  it(
    'tells its parent that it started, and exits with 1 at an invalid tape',
    options,
    async (t) => {
      const file = aTapeFile(t, 'no tape\n')
      const child = fork(MAIN, ['--file', file, '--log-level', 'silent'], { env, silent: true })
      t.after(() => child.kill('SIGKILL'))
      const exit = once(child, 'exit')
      assert.deepEqual((await once(child, 'message'))[0], { type: 'started' })
      assert.deepEqual(await exit, [1, null])
    }
  )
})
