import {
  about,
  argumentReader,
  choice,
  configInvalid,
  configProblems,
  describeVariables,
  hasCode,
  messageOf,
  readEnv,
  runCommand,
  text,
  withTimeout,
  type Env,
  type ErrorCode,
  type SettingsCheck,
  type Shape
} from '@tapedeck/core'
import { createLogger, LOG_LEVELS, type Logger } from './logger.ts'
import { createMetrics, type Metrics } from './metrics.ts'

/** What a service gets from its process; a test passes in its own. */
export interface ServiceContext {
  readonly log: Logger
  readonly metrics: Metrics
  /** Aborts when the service is asked to stop: at the first signal, or when its parent is gone. */
  readonly signal: AbortSignal
  /** Registers a closer; closers run in reverse order, each under a time limit. */
  defer(close: () => Promise<void> | void): void
  /** Ends the service with a failure in the background, which nothing awaits. */
  fail(error: unknown): void
}

/** What every service reads from its environment. */
export const SERVICE_VARIABLES = {
  LOG_LEVEL: about(
    'How much is logged: trace, debug, info, warn, error, fatal or silent',
    choice('info', LOG_LEVELS)
  ),
  HEALTH_HOST: about(
    'Address on which simulator, producer and consumer serve health and metrics',
    text('127.0.0.1', 'an address to listen on')
  )
} as const

const EXIT = { stopped: 0, failed: 1, invalid: 2 } as const
/** Not PORT_IN_USE or DATA_DIR_IN_USE: a service that is started again may find them free. */
const INVALID: readonly ErrorCode[] = ['CONFIG_INVALID', 'SERVER_MISSING']

const CLOSE_LIMIT_MS = 4000
/** For all closers together, so that a stop takes less than ten seconds. */
const STOP_LIMIT_MS = 9000

/** A service as its `main.ts` runs it. */
interface ServiceProgram<C> {
  readonly name: string
  /** One sentence for --help. */
  readonly purpose: string
  /** What `readConfig` reads. */
  readonly variables: Shape
  /** @throws CONFIG_INVALID that names every mistake at once */
  readonly readConfig: (env: Env) => C
  readonly start: (config: C, context: ServiceContext) => Promise<unknown>
  /** Looks at what the settings name, such as a file. @throws CONFIG_INVALID */
  readonly checkConfig?: (config: C) => Promise<unknown>
  /** A command line of its own: its text for --help, and its flags as the variables that they stand for. */
  readonly usage?: string
  readonly readFlags?: (args: readonly string[]) => Env | 'help'
}

const CHECK = '--check'

/**
 * Runs a service as a program; only `main.ts` calls this. Exit codes: 0 asked to stop, 1 failed, 2 configuration
 * invalid or a server missing. `--help` prints the settings. `--check` reads the settings, prints one line of JSON
 * (a SettingsCheck) and ends: the stack asks every service so before it starts anything, because no service may
 * import another.
 */
export async function runService<C>(
  program: ServiceProgram<C>,
  env: Env = process.env
): Promise<void> {
  const { name, variables, readConfig, start } = program
  if (process.argv[2] === CHECK) {
    const names = Object.keys({ ...variables, ...SERVICE_VARIABLES })
    const check: SettingsCheck = { names, problems: await problemsIn(env, program) }
    process.stdout.write(`${JSON.stringify(check)}\n`)
    return
  }
  await runCommand({
    usage: program.usage ?? usageOf(program),
    read: program.readFlags ?? argumentReader({ name, options: {}, read: (): Env => ({}) }),
    async run(flags) {
      const all = { ...env, ...flags }
      const problems = await problemsIn(all, program)
      if (problems.length > 0) throw configInvalid(problems)
      await runUntilStopped(name, (context) => start(readConfig(all), context), all)
      return 0
    }
  })
}

/** Every mistake in the settings of a service and in what they name. */
async function problemsIn<C>(
  env: Env,
  { readConfig, checkConfig }: Pick<ServiceProgram<C>, 'readConfig' | 'checkConfig'>
): Promise<readonly string[]> {
  return [
    ...(await configProblems(() => readEnv(env, { LOG_LEVEL: SERVICE_VARIABLES.LOG_LEVEL }))),
    ...(await configProblems(async () => {
      const config = readConfig(env)
      await checkConfig?.(config)
    }))
  ]
}

function usageOf({
  name,
  purpose,
  variables
}: Pick<ServiceProgram<unknown>, 'name' | 'purpose' | 'variables'>): string {
  return (
    `${purpose}\n\n  node services/${name}/src/main.ts      npm start runs it with everything else\n\n` +
    `Settings, from the environment:\n${describeVariables({ ...variables, ...SERVICE_VARIABLES })}\n` +
    'Exit codes: 0 asked to stop, 1 failed, 2 a mistake in the configuration or a server missing.\n'
  )
}

/**
 * Runs a service until it is asked to stop, then closes what it opened. `start` opens everything and returns; the
 * process then runs until the signal. A second signal exits at once.
 */
async function runUntilStopped(
  name: string,
  start: (context: ServiceContext) => Promise<unknown>,
  env: Env
): Promise<void> {
  // The spool and captured frames are for the owner alone.
  process.umask(0o077)
  // Node's crash report would list the environment with every secret.
  process.report.excludeEnv = true
  const log = createLogger(name, readEnv(env, SERVICE_VARIABLES).LOG_LEVEL)
  const { context, stop, stopped } = createContext(log)
  let isAsked = false
  const onSignal = (signal: string): void => {
    if (isAsked) process.exit(EXIT.failed)
    isAsked = true
    log.info({ signal }, 'stopping')
    stop()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => onSignal(signal))
  }
  // The channel to the parent breaks when the parent dies. That does not count as a signal: the guard of
  // a stack that died sends SIGTERM at the same time, and the service must still close in order.
  const onDisconnect = (): void => {
    if (context.signal.aborted) return
    log.info({ signal: 'disconnect' }, 'stopping')
    stop()
  }
  if (process.channel !== undefined) process.on('disconnect', onDisconnect)
  if (process.send !== undefined && !process.connected) onDisconnect()

  let exitCode: number = EXIT.stopped
  try {
    await start(context)
    if (process.send !== undefined && process.connected) process.send({ type: 'started' })
    const failure = await stopped
    if (failure !== undefined) throw failure.error
  } catch (error) {
    if (!(context.signal.aborted && hasCode(error, 'ABORTED'))) {
      const invalid = INVALID.some((code) => hasCode(error, code))
      exitCode = invalid ? EXIT.invalid : EXIT.failed
      if (invalid) process.stderr.write(`${messageOf(error)}\n`)
      log.fatal({ err: error }, 'service failed')
    }
  }
  stop()
  const hardStop = setTimeout(() => process.exit(EXIT.failed), STOP_LIMIT_MS)
  hardStop.unref()
  if (!(await context.close())) exitCode ||= EXIT.failed
  log.info({ exitCode }, 'stopped')
  process.exit(exitCode)
}

/** A context outside any process; `close` runs the closers and returns whether all succeeded. */
export function createContext(log: Logger): {
  context: ServiceContext & { close(): Promise<boolean> }
  stop: () => void
  /** Resolves when asked to stop (undefined) or when the service failed in the background. */
  stopped: Promise<{ error: unknown } | undefined>
} {
  const controller = new AbortController()
  const closers: (() => Promise<void> | void)[] = []
  const ended = Promise.withResolvers<{ error: unknown } | undefined>()
  controller.signal.addEventListener('abort', () => ended.resolve(undefined))
  const context = {
    log,
    metrics: createMetrics(),
    signal: controller.signal,
    defer: (close: () => Promise<void> | void) => void closers.push(close),
    fail: (error: unknown) => ended.resolve({ error }),
    async close() {
      let clean = true
      for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) {
        try {
          await withTimeout(Promise.resolve(closer()), CLOSE_LIMIT_MS, 'Closing')
        } catch (error) {
          clean = false
          log.error({ err: error }, 'closing failed')
        }
      }
      return clean
    }
  }
  return { context, stop: () => controller.abort(), stopped: ended.promise }
}
