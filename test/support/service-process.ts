import { fork, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import path from 'node:path'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { nodeArguments } from '@tapedeck/stack/testing'

/** A service of the pipeline as a process of its own, with its health address. */
export interface RunningService {
  readonly name: string
  readonly pid: number
  /** The value of a metric, labels summed up; 0 when it is not there. */
  metric(name: string): Promise<number>
  /** Several of them, read at once: a look at the metrics costs the service milliseconds. */
  metrics(...names: readonly string[]): Promise<number[]>
  /** Whether it is ready, and why not. */
  readiness(): Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }>
  /** The last lines it logged. */
  lastLines(): string
  /** Resolves when it ended, by whatever cause: `exit code 1`, `SIGKILL`. */
  readonly exited: Promise<string>
  stop(): Promise<void>
  /** Signals it, if it still runs. */
  signal(name: NodeJS.Signals): void
}

const root = path.resolve(import.meta.dirname, '../..')
const START_LIMIT_MS = 120_000
const STOP_LIMIT_MS = 12_000
const KEPT_LINES = 15

/**
 * Starts `services/<name>` with this environment and waits until it serves its health.
 * @throws SERVER_FAILED with its last log lines when it does not come up
 */
export async function startService(
  name: string,
  env: Readonly<Record<string, string>>,
  profileDir?: string
): Promise<RunningService> {
  const profiling = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`]
  const execArgv = [...nodeArguments(name), ...profiling]
  const child = fork(path.join(root, 'services', name, 'src/main.ts'), [], {
    env: { ...process.env, ...env },
    execArgv,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  const lines: string[] = []
  const health = Promise.withResolvers<string>()
  const onLine = (line: string): void => {
    lines.push(line)
    if (lines.length > KEPT_LINES) lines.shift()
    if (line.includes(' is served"')) {
      health.resolve((JSON.parse(line) as { url: string }).url)
    }
  }
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', onLine)
  }
  const failed = (why: string): TapedeckError =>
    new TapedeckError('SERVER_FAILED', `${name} ${why}:\n${lines.join('\n')}`)
  const exited = Promise.withResolvers<string>()
  child.once('exit', (code, signal) => {
    exited.resolve(signal ?? `exit code ${code}`)
    health.reject(failed(`ended with exit code ${code}`))
  })
  const timer = setTimeout(() => health.reject(failed('did not come up')), START_LIMIT_MS)
  try {
    const url = await health.promise
    return {
      name,
      pid: child.pid ?? 0,
      metric: async (metric) => (await readMetrics(url, [metric]))[0] ?? 0,
      metrics: (...names) => readMetrics(url, names),
      readiness: async () =>
        (await (
          await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5000) })
        ).json()) as Awaited<ReturnType<RunningService['readiness']>>,
      lastLines: () => lines.join('\n'),
      exited: exited.promise,
      stop: () => stop(child),
      signal: (signal) => void child.kill(signal)
    }
  } catch (error) {
    await stop(child)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function readMetrics(url: string, names: readonly string[]): Promise<number[]> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5000) }).catch(
    (error: unknown) => {
      const { cause } = error as Error
      throw new TapedeckError(
        'SERVER_FAILED',
        `${url}/metrics does not answer: ${messageOf(cause ?? error)}`,
        { cause: error }
      )
    }
  )
  const lines = (await response.text()).split('\n')
  return names.map((name) =>
    lines
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  )
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = Promise.withResolvers<void>()
  child.once('exit', () => ended.resolve())
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
  await ended.promise
  clearTimeout(timer)
}
