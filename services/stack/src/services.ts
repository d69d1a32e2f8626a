import { fileURLToPath } from 'node:url'
import {
  messageOf,
  systemClock,
  TapedeckError,
  type Child,
  type ChildExit,
  type Env,
  type Guard,
  type Secret
} from '@tapedeck/core'
import type { StackConfig } from './config.ts'
import { bytesOf, followLog, openLog } from './logs.ts'
import type { PortMemory } from './ports.ts'
import type { Progress } from './screen.ts'
import { withoutSecretsOfOthers } from './secrets.ts'
import { StartLimit } from './start-limit.ts'
import { supervise, type Running, type Supervised } from './supervise.ts'
import { Troubles } from './troubles.ts'

/** The variables that set the ports of services. */
const PORTS = [
  'SIMULATOR_PORT',
  'SIMULATOR_HEALTH_PORT',
  'CONSUMER_PORT',
  'API_PORT',
  'PRODUCER_PORT',
  'BATCH_PORT'
] as const
type ServicePorts = Readonly<Record<(typeof PORTS)[number], number>>

interface Service {
  /** Its program is `services/<name>/src/main.ts`. */
  readonly name: string
  /** Of the port that serves /readyz. */
  readonly port: keyof ServicePorts
  /** Only stacks with this feed run it; undefined: every stack. */
  readonly feed?: StackConfig['feed']
  /** Starts once that service is ready, if the stack runs it; the others start at once. */
  readonly after?: string
  /** Services of stage 1 stop first, then those of stage 2. */
  readonly stopStage: 1 | 2
  /** What it alone is told by a stack whose feed is simulated. */
  readonly simulated?: (ports: ServicePorts) => Env
  /** The address to show; unless given, that of /readyz. */
  readonly address?: (config: StackConfig, ports: ServicePorts) => string
}

/** Every service that a stack can run. The consumer stops after the producer, to store what was published. */
const SERVICES: readonly Service[] = [
  {
    name: 'simulator',
    port: 'SIMULATOR_HEALTH_PORT',
    feed: 'simulated',
    stopStage: 2,
    address: (_config, ports) => feedUrl(ports)
  },
  { name: 'consumer', port: 'CONSUMER_PORT', stopStage: 2 },
  {
    name: 'api',
    port: 'API_PORT',
    stopStage: 2,
    address: ({ apiHost }, { API_PORT }) => pageUrl(apiHost, API_PORT)
  },
  {
    name: 'batch',
    port: 'BATCH_PORT',
    stopStage: 1,
    // The producer would check the list of symbols there.
    simulated: ({ SIMULATOR_PORT }) => ({
      FINNHUB_REST_URL: `http://${LOCAL}:${SIMULATOR_PORT}/api/v1`
    })
  },
  { name: 'producer', port: 'PRODUCER_PORT', after: 'simulator', stopStage: 1 }
]

export const SERVICE_NAMES: readonly string[] = SERVICES.map(({ name }) => name)

/** The path of a service's program. */
export function serviceProgram(name: string): string {
  return fileURLToPath(new URL(`../../${name}/src/main.ts`, import.meta.url))
}

/**
 * The arguments of Node that a service runs with. Left to itself, Node collects so little garbage on a machine with much
 * memory that the api grew to 500 MB while it wrote a table of any size; with these it is half of that.
 */
export function nodeArguments(name: string): readonly string[] {
  return name === 'api' ? ['--max-semi-space-size=4', '--max-old-space-size=320'] : []
}

const LOCAL = '127.0.0.1'

/** One service as a stack runs it. */
export interface ServicePlan extends Pick<Service, 'name' | 'after' | 'stopStage'> {
  readonly program: string
  readonly env: Env
  /** Answers whether the service is ready. */
  readonly readyUrl: string
  /** The address to show. */
  readonly address: string
}

/** The ports from the environment, or remembered ones. The caller chooses the port of the api. */
export async function chooseServicePorts(
  memory: PortMemory,
  env: Env,
  apiPort: number
): Promise<ServicePorts> {
  const choose = async (variable: keyof ServicePorts): Promise<[string, number]> => {
    const given = variable === 'API_PORT' ? apiPort : Number(env[variable] ?? 0)
    if (Number.isInteger(given) && given > 0) return [variable, given]
    const name = variable
      .replace(/_PORT$/, '')
      .replaceAll('_', '-')
      .toLowerCase()
    return [variable, await memory.choose(name)]
  }
  return Object.fromEntries(await Promise.all(PORTS.map(choose))) as ServicePorts
}

/** Where the servers of a stack are. */
interface ServerAddresses {
  /** host:port list. */
  readonly brokers: string
  /** As the services read it. */
  readonly mongoUri: string
  /** With user and password; undefined when there is no such database. */
  readonly mariadbUrl?: Secret | undefined
}

/** The services of a stack. Each gets the stack's own environment with the addresses added. */
export function planServices(
  config: StackConfig,
  { brokers, mongoUri, mariadbUrl }: ServerAddresses,
  ports: ServicePorts
): ServicePlan[] {
  const env: Record<string, string | undefined> = {
    ...config.env,
    ...(config.kafka === undefined && {
      KAFKA_BROKERS: brokers,
      // The stack's own broker needs no credentials; the environment may have those of another.
      KAFKA_SSL: undefined,
      KAFKA_USERNAME: undefined,
      KAFKA_PASSWORD: undefined
    }),
    ...(config.mongo.uri === undefined && {
      MONGODB_URI: mongoUri,
      MONGODB_USERNAME: undefined,
      MONGODB_PASSWORD: undefined
    }),
    ...(mariadbUrl !== undefined && { MARIADB_URL: mariadbUrl.reveal() }),
    ...(config.feed === 'simulated' && simulatedFeed(config, ports)),
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
    API_HOST: config.apiHost
  }
  const services = SERVICES.filter(({ feed = config.feed }) => feed === config.feed)
  const pageOf = ({ name, port }: Service): string =>
    pageUrl(name === 'api' ? config.apiHost : LOCAL, ports[port])
  if ((env['METRICS_URLS'] ?? '').trim() === '') {
    env['METRICS_URLS'] = services
      .filter(({ name }) => name !== 'api')
      .map((service) => `${service.name}=${pageOf(service)}metrics`)
      .join(',')
  }
  return services.map((service) => {
    const { name, after, stopStage, address, simulated } = service
    const own = config.feed === 'simulated' ? simulated?.(ports) : {}
    const readyUrl = `${pageOf(service)}readyz`
    return {
      name,
      stopStage,
      ...(after !== undefined && { after }),
      program: serviceProgram(name),
      env: withoutSecretsOfOthers({ ...env, ...own }, name),
      readyUrl,
      address: address?.(config, ports) ?? readyUrl
    }
  })
}

/** The services as targets of Prometheus, in the form of its `file_sd_configs`: JSON, each with the label `service`. */
export function scrapeTargets(plans: readonly ServicePlan[]): string {
  const targets = plans.map(({ name, readyUrl }) => ({
    targets: [new URL(readyUrl).host],
    labels: { service: name }
  }))
  return `${JSON.stringify(targets, null, 2)}\n`
}

/** Where a service is reached from this machine, also when it listens on every address. */
export function pageUrl(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? LOCAL : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}/`
}

function simulatedFeed({ env, symbols }: StackConfig, ports: ServicePorts): Env {
  return {
    FINNHUB_URL: feedUrl(ports),
    // Finnhub's protocol requires a token; the simulator accepts any.
    FINNHUB_TOKEN: env['SIMULATOR_TOKEN'] ?? 'simulated',
    FEED_NAME: 'simulated',
    // A recorded file lies in the past: no forecast of it is stored before its bar ended.
    ...(env['SIMULATOR_FILE'] !== undefined && { SCORE_PAST: env['SCORE_PAST'] ?? 'true' }),
    SIMULATOR_HOST: LOCAL,
    SIMULATOR_MAX_SYMBOLS: env['SIMULATOR_MAX_SYMBOLS'] ?? String(Math.max(51, symbols.length))
  }
}

function feedUrl({ SIMULATOR_PORT }: ServicePorts): string {
  return `ws://${LOCAL}:${SIMULATOR_PORT}`
}

interface ServiceSite {
  readonly dataDir: string
  readonly startLimitMs: number
  readonly progress: Progress
  readonly troubles: Troubles
  readonly guard: Guard
}

/** The services of a stack, each kept running. */
export interface Services {
  readonly list: readonly Supervised<RunningService>[]
  /** Stops them stage by stage, so that nothing in flight is lost. */
  close(limitMs: number): Promise<void>
}

interface RunningService extends Running {
  readonly pid: number
  readonly plan: ServicePlan
}

const UNWIND_LIMIT_MS = 3000
const LEAST_STAGE_MS = 500

/**
 * Starts the services at the same time. If one fails, the others are stopped.
 *
 * @param onFinal is called with the failure of a service that will not be started again
 * @throws the first failure: SERVER_FAILED, CONFIG_INVALID; ABORTED
 */
export async function startServices(
  plans: readonly ServicePlan[],
  site: ServiceSite,
  { signal, onFinal }: { signal: AbortSignal; onFinal: (error: TapedeckError) => void }
): Promise<Services> {
  const failed = new AbortController()
  const all = AbortSignal.any([signal, failed.signal])
  const startOne = async (plan: ServicePlan): Promise<Supervised<RunningService>> => {
    const first = await startService(plan, site, all)
    site.progress.say(`${plan.name} is ready (pid ${first.pid})`)
    return supervise(`The ${plan.name}`, first, {
      again: (restartSignal) => startService(plan, site, restartSignal),
      progress: site.progress,
      troubles: site.troubles,
      isRoot: plans.some(({ after }) => after === plan.name),
      isFinal: isConfigRefused,
      onFinal
    })
  }
  const starts = new Map<string, Promise<Supervised<RunningService>>>()
  for (const plan of plans) {
    const before = plan.after === undefined ? undefined : starts.get(plan.after)
    const start = before === undefined ? startOne(plan) : before.then(() => startOne(plan))
    start.catch(() => failed.abort())
    starts.set(plan.name, start)
  }
  const results = await Promise.allSettled(starts.values())
  const list = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const errors = results.flatMap((one) =>
    one.status === 'rejected' ? [one.reason as TapedeckError] : []
  )
  const failure = errors.find(({ code }) => code !== 'ABORTED') ?? errors[0]
  if (failure !== undefined) {
    await Promise.all(list.map((one) => one.stop(UNWIND_LIMIT_MS)))
    throw failure
  }
  return {
    list,
    async close(limitMs) {
      const deadlineMs = performance.now() + limitMs
      for (const stage of [1, 2]) {
        const leftMs = Math.max(LEAST_STAGE_MS, deadlineMs - performance.now())
        const group = list.filter((one) => one.current().plan.stopStage === stage)
        await Promise.all(group.map((one) => one.stop(leftMs)))
      }
    }
  }
}

const ASK_LIMIT_MS = 3000
/** What is wrong with a process that stands still. */
const SILENT = `it does not answer within ${ASK_LIMIT_MS / 1000} s`
const ASK_EVERY_MS = 60
const STOP_LIMIT_MS = 3000
/** The exit code of a service that refuses its configuration: a restart cannot help. */
const INVALID = 2

/**
 * Starts a service and waits until it is ready.
 *
 * @throws SERVER_FAILED, or CONFIG_INVALID when the service refuses its configuration; ABORTED
 */
async function startService(
  plan: ServicePlan,
  { dataDir, startLimitMs, progress, troubles, guard }: ServiceSite,
  signal: AbortSignal
): Promise<RunningService> {
  const file = await openLog(dataDir, plan.name)
  const child = await guard
    .start(process.execPath, [...nodeArguments(plan.name), plan.program], {
      env: plan.env,
      log: file.handle,
      hasChannel: true
    })
    .finally(() => file.handle.close())
  // A process that stood still finds all that it waited for overdue when it goes on, and logs so.
  const hangs = new Troubles()
  const problem = async (): Promise<string | undefined> => {
    const wrong = await askReady(plan.readyUrl)
    if (wrong === SILENT) hangs.begin(plan.name)
    else hangs.end(plan.name)
    return wrong
  }
  const isExplained = (): boolean => troubles.explain() || hangs.explain()
  const log = followLog(plan.name, file, progress, isExplained)
  void child.exited.then(log.stop)
  try {
    const limit = new StartLimit(child.pid, startLimitMs, () => bytesOf(file))
    await untilReady(plan, child, limit, signal)
  } catch (error) {
    await child.stop(STOP_LIMIT_MS)
    if (!(error instanceof TapedeckError) || error.code === 'ABORTED') throw error
    await log.stop()
    const why = log.lastProblem()
    const message = `${error.message}${why === undefined ? '' : `: ${why}`} (${file.path})`
    throw new TapedeckError(error.code, message, { cause: error })
  }
  const { pid, exited, stop } = child
  return { plan, pid, exited, problem, stop }
}

function isConfigRefused({ code }: ChildExit): boolean {
  return code === INVALID
}

async function untilReady(
  { name, readyUrl }: ServicePlan,
  child: Child,
  limit: StartLimit,
  signal: AbortSignal
): Promise<void> {
  let reason: string | undefined = 'it has not started'
  for (;;) {
    if (!child.isRunning()) {
      const exit = await child.exited
      throw new TapedeckError(
        isConfigRefused(exit) ? 'CONFIG_INVALID' : 'SERVER_FAILED',
        `Cannot start the ${name}: it ended with ${exit.how}`
      )
    }
    // Before the service listens, another process may answer on its port, so its own report is needed first.
    if (child.hasReported()) {
      reason = await askReady(readyUrl)
      if (reason === undefined) return
    }
    const exceeded = await limit.exceeded()
    if (exceeded !== undefined) {
      const message = `Cannot start the ${name}: ${reason}, and ${exceeded}`
      throw new TapedeckError('SERVER_FAILED', message)
    }
    await systemClock.delay(ASK_EVERY_MS, signal)
  }
}

/** Undefined when ready, otherwise the reason in words. */
async function askReady(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ASK_LIMIT_MS) })
    if (response.ok) return undefined
    const { reasons } = (await response.json()) as { reasons?: readonly string[] }
    return reasons?.join('; ') ?? `it answers ${response.status}`
  } catch (error) {
    return (error as Error).name === 'TimeoutError' ? SILENT : messageOf(error)
  }
}
