import { execFile } from 'node:child_process'
import {
  configInvalid,
  configProblems,
  editsBetween,
  TapedeckError,
  type Env,
  type SettingsCheck
} from '@tapedeck/core'
import { cachesCompiled } from './cache-dir.ts'
import { feedOf, readConfig, STACK_VARIABLES, type StackConfig } from './config.ts'
import type { Progress } from './screen.ts'
import { SERVICE_NAMES, serviceProgram } from './services.ts'

/**
 * Reads the settings of the stack and of every service before anything is started.
 *
 * Each service is asked as a program of its own (`--check`), because no service may import another. A variable that
 * nothing reads but that resembles one of ours is named by a warning: a key under a wrong name would otherwise
 * start a simulated feed without a word.
 *
 * @throws CONFIG_INVALID with every mistake of all of them; SERVER_FAILED when a service cannot be asked; ABORTED
 */
export async function readSettings(
  env: Env,
  { progress, signal }: { readonly progress: Pick<Progress, 'warn'>; readonly signal: AbortSignal }
): Promise<StackConfig> {
  const isSimulated = feedOf(env) === 'simulated'
  const asked = placeholders(env, isSimulated)
  const [own, ...checks] = await Promise.all([
    configProblems(() => readConfig(env)),
    ...SERVICE_NAMES.map((name) => askService(name, asked, signal))
  ])
  const problems = new Set(own)
  for (const [index, check] of checks.entries()) {
    if (SERVICE_NAMES[index] === 'simulator' && !isSimulated) continue
    for (const problem of check.problems) problems.add(problem)
  }
  const known = new Set([
    ...Object.keys(STACK_VARIABLES),
    ...OTHER_NAMES,
    ...checks.flatMap(({ names }) => names)
  ])
  for (const hint of misspelled(env, known)) progress.warn(hint)
  if (problems.size > 0) throw configInvalid([...problems])
  return readConfig(env)
}

/** Read by Grafana's command and by docker compose. */
export const OTHER_NAMES = [
  'GRAFANA_PORT',
  'TAPEDECK_API_URL',
  'TAPEDECK_API_TOKEN',
  'GRAFANA_URL',
  'GRAFANA_TOKEN',
  'GRAFANA_ALERT_WEBHOOK',
  'KAFKA_PORT',
  'MONGODB_PORT'
]

/** The environment that a service will get, with an address in place of those that are not known yet. */
function placeholders(env: Env, isSimulated: boolean): Env {
  const isSet = (name: string): boolean => (env[name] ?? '').trim() !== ''
  return {
    ...cachesCompiled(env),
    ...(!isSet('KAFKA_BROKERS') && { KAFKA_BROKERS: '127.0.0.1:9092' }),
    ...(!isSet('MONGODB_URI') && { MONGODB_URI: 'mongodb://127.0.0.1:27017' }),
    ...(isSimulated && { SIMULATOR_URL: 'ws://127.0.0.1:1' })
  }
}

const CHECK_LIMIT_MS = 300_000

function askService(name: string, env: Env, signal: AbortSignal): Promise<SettingsCheck> {
  const { promise, resolve, reject } = Promise.withResolvers<SettingsCheck>()
  const options = { env, signal, timeout: CHECK_LIMIT_MS }
  execFile(
    process.execPath,
    [serviceProgram(name), '--check'],
    options,
    (error, stdout, stderr) => {
      try {
        if (error !== null) throw error
        resolve(JSON.parse(stdout) as SettingsCheck)
      } catch (cause) {
        const why = stderr.trim().split('\n').at(-1) ?? ''
        const message = `Cannot check the settings of the ${name}: ${why === '' ? 'no answer' : why}`
        reject(new TapedeckError(signal.aborted ? 'ABORTED' : 'SERVER_FAILED', message, { cause }))
      }
    }
  )
  return promise
}

/** Names that other programs and older habits have for the same thing. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  FINNHUB_API_KEY: 'FINNHUB_TOKEN',
  FINNHUB_KEY: 'FINNHUB_TOKEN',
  FINNHUB_API_TOKEN: 'FINNHUB_TOKEN',
  FINNHUB_SECRET: 'FINNHUB_TOKEN',
  APCA_API_KEY_ID: 'ALPACA_KEY_ID',
  APCA_API_SECRET_KEY: 'ALPACA_SECRET_KEY',
  ALPACA_API_KEY: 'ALPACA_KEY_ID',
  ALPACA_API_SECRET: 'ALPACA_SECRET_KEY',
  TICKERS: 'SYMBOLS',
  KAFKA_BOOTSTRAP_SERVERS: 'KAFKA_BROKERS',
  KAFKA_BROKER_URL: 'KAFKA_BROKERS',
  KAFKA_URL: 'KAFKA_BROKERS',
  MARIADB_URI: 'MARIADB_URL',
  MYSQL_URI: 'MARIADB_URL',
  MYSQL_URL: 'MARIADB_URL',
  MONGO_URI: 'MONGODB_URI',
  MONGO_URL: 'MONGODB_URI',
  MONGODB_URL: 'MONGODB_URI',
  MONGODB_DATABASE: 'MONGODB_DB',
  MONGO_DB: 'MONGODB_DB'
}

/** No other program has variables that begin so. */
const OURS = /^(FINN?HUB|TAPEDECK|SIMULATOR)_/i

/**
 * A hint for each variable that nothing reads and that resembles one that is read; the rest of the environment is
 * none of our business. Pure.
 * @param known the variables that are read
 */
export function misspelled(env: Env, known: ReadonlySet<string>): string[] {
  const hints: string[] = []
  for (const [name, value = ''] of Object.entries(env)) {
    if (known.has(name) || value.trim() === '' || name.startsWith('TAPEDECK_TEST_')) continue
    const meant = OTHER_WORDS[name.toUpperCase()] ?? nearest(name, known)
    if (meant === undefined && !OURS.test(name)) continue
    // Who has set the right one too has it for another program.
    if (meant !== undefined && (env[meant] ?? '').trim() !== '') continue
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`
    hints.push(`${name} is not a setting of tapedeck${hint}`)
  }
  return hints
}

function nearest(name: string, known: ReadonlySet<string>): string | undefined {
  const words = name.toUpperCase().split(/[_-]+/)
  return [...known].find((one) => {
    const expected = one.split('_')
    if (words.join('') === expected.join('')) return true
    if (words.length !== expected.length) return false
    const wrong = expected.filter((word, index) => word !== words[index])
    const [word = ''] = wrong
    return wrong.length === 1 && isSlip(words[expected.indexOf(word)] ?? '', word)
  })
}

/** One letter too few, too many or another; two in a long word. A short word must not become another word. */
function isSlip(found: string, meant: string): boolean {
  if (meant.length < 5) return found === `${meant}S` || meant === `${found}S`
  return editsBetween(found, meant) <= (meant.length < 7 ? 1 : 2)
}
