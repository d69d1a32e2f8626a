import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { isSame, type ProcessIdentity } from '@tapedeck/core'
import { eventually } from '../../support/eventually.ts'
import { until } from '../../support/until.ts'

const PROGRAM = path.join(import.meta.dirname, '../../../services/stack/src/main.ts')

/** `npm start` as a process of its own, in a process group of its own as under a terminal. */
export interface StackProcess {
  readonly pid: number
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  output(): string
  /** Resolves when the output matches; rejects at the deadline or when the stack ends before. */
  says(pattern: RegExp, limitMs?: number): Promise<void>
  /** Resolves when every service answers that it is ready, and warns of nothing. */
  ready(): Promise<void>
  /** How often the output matches. */
  count(pattern: RegExp): number
  /** The pid of a server or service, as the screen and the lines of restarts have it. */
  pidOf(name: string): number
  /** The processes it has started, as its lock file records them; none before it has the lock. */
  children(): Promise<readonly ProcessIdentity[]>
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-stack-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

export function spawnStack(
  t: TestContext,
  dataDir: string,
  env: Record<string, string> = {}
): StackProcess {
  const child = spawn(process.execPath, [PROGRAM], {
    env: {
      ...withoutServers(),
      TAPEDECK_DATA_DIR: dataDir,
      SYMBOLS: 'AAPL,BINANCE:BTCUSDT',
      ...env
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => {
      output += piece
    })
  }
  const exited = once(child, 'exit').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null
  }))
  t.after(async () => {
    child.kill('SIGTERM')
    await exited
  })
  return {
    pid: child.pid!,
    exited,
    output: () => output,
    async says(pattern, limitMs = 60_000) {
      await until(
        `a match of ${pattern}`,
        () => {
          if (pattern.test(output)) return true
          if (child.exitCode !== null) throw new Error(`The stack ended: ${output}`)
          return false
        },
        limitMs
      ).catch((cause: unknown) => {
        throw new Error(`The stack does not say ${pattern}: ${output}`, { cause })
      })
    },
    ready: async () => {
      const urls = [...output.matchAll(/http:\S+readyz/g)].map(String)
      const page = /^ +Page +(\S+)$/m.exec(output)?.[1]
      for (const url of [...urls, `${page}readyz`]) {
        await eventually(async () => {
          const answer = await fetch(url)
          const text = await answer.text()
          assert.equal(answer.status, 200, text)
          assert.deepEqual((JSON.parse(text) as { warnings: unknown }).warnings, [])
        })
      }
    },
    count: (pattern) => [...output.matchAll(new RegExp(pattern, 'gm'))].length,
    pidOf: (name) => {
      const screen = `^ +${name} +(\\d+) `
      const restart = `(?:The )?${name} runs again \\(pid (\\d+)\\)`
      const [first, again] =
        [...output.matchAll(new RegExp(`${screen}|${restart}`, 'gm'))].at(-1)?.slice(1) ?? []
      return Number(first ?? again)
    },
    children: async () => {
      const text = await readFile(path.join(dataDir, 'stack.lock'), 'utf8').catch(() => '')
      return text === '' ? [] : (JSON.parse(text) as { children: ProcessIdentity[] }).children
    }
  }
}

/** Resolves when none of the processes runs any more. */
export function allGone(processes: readonly ProcessIdentity[], limitMs: number): Promise<void> {
  return until(
    'the end of every process',
    async () => {
      for (const one of processes) if (await isSame(one)) return false
      return true
    },
    limitMs
  )
}

/** The environment without servers and ports of the run's own: this stack starts its own. */
function withoutServers(): NodeJS.ProcessEnv {
  const env = { ...process.env }
  for (const name of ['KAFKA_BROKERS', 'MONGODB_URI', 'FINNHUB_TOKEN', 'FINNHUB_URL', 'API_PORT']) {
    delete env[name]
  }
  for (const name of Object.keys(env)) if (name.startsWith('npm_lifecycle')) delete env[name]
  return env
}
