import { argumentReader } from '@tapedeck/core'

/** One setting: a flag on the command line, or a variable of the environment. */
export interface Setting {
  readonly flag: string
  readonly variable: string
  /** What stands behind the flag; undefined: nothing does, it is a switch. */
  readonly value: string | undefined
  /** As help shows it; an empty one says that there is none. */
  readonly fallback: string
  readonly means: string
}

const setting = (
  flag: string,
  variable: string,
  value: string | undefined,
  fallback: string,
  means: string
): Setting => ({ flag, variable, value, fallback, means })

/** Every setting of the simulator; `npm run simulator -- --help` and its parser come from here. */
export const SETTINGS: readonly Setting[] = [
  setting('host', 'SIMULATOR_HOST', 'ADDRESS', '127.0.0.1', 'where to listen'),
  setting('port', 'SIMULATOR_PORT', 'N', '0', 'port of the feed; 0 picks a free one'),
  setting('health-host', 'HEALTH_HOST', 'ADDRESS', '127.0.0.1', 'where health is served'),
  setting('health-port', 'SIMULATOR_HEALTH_PORT', 'N', '0', '/healthz, /readyz and /metrics'),
  setting('token', 'SIMULATOR_TOKEN', 'TOKEN', '', 'the only token let in; else any is'),
  setting('max-symbols', 'SIMULATOR_MAX_SYMBOLS', 'N', '51', 'symbols a connection may have'),
  setting('ping', 'SIMULATOR_PING', 'DURATION', '60s', 'time between ping frames'),
  setting('seed', 'SIMULATOR_SEED', 'N', '1', 'market: same seed and start, same tape'),
  setting('rate', 'SIMULATOR_RATE', 'N', '3', 'market: mean trades a second and symbol'),
  setting('always-open', 'SIMULATOR_ALWAYS_OPEN', undefined, 'true', 'market: stocks never sleep'),
  setting('file', 'SIMULATOR_FILE', 'PATH', '', 'play this tape or capture instead'),
  setting('speed', 'SIMULATOR_SPEED', 'N|max', '1', 'tape: times the recorded speed, or max'),
  setting('skip-gaps', 'SIMULATOR_SKIP_GAPS', undefined, 'false', 'tape: wait 5 s at most'),
  setting('start', 'SIMULATOR_START', 'RULE', 'quiet:200ms', 'tape: or subscribed:N symbols'),
  setting('scenario', 'SIMULATOR_SCENARIO', 'NAME|PATH', '', 'faults to play, docs/simulator.md'),
  setting('log-level', 'LOG_LEVEL', 'LEVEL', 'info', 'trace, debug, info, warn, error, silent')
]

export const USAGE = `A server that speaks Finnhub's WebSocket protocol, for work without a key.

  npm run simulator -- [flags]      flags win over the environment; --no-<switch> turns one off

${SETTINGS.map(settingLine).join('\n')}
  --help${' '.repeat(19)}this text

Examples
  npm run simulator -- --port 9200
  npm run simulator -- --port 9200 --seed 7 --rate 500
  npm run simulator -- --file tape.ndjson.gz --speed 60 --skip-gaps
  npm run simulator -- --port 9200 --scenario half-open
  SIMULATOR_FILE=tape.ndjson.gz SIMULATOR_SPEED=max npm run simulator -- --start subscribed:4
`

/**
 * The variables that the flags stand for, or 'help'.
 * @throws CONFIG_INVALID for flags that do not exist or lack their value.
 */
export const readCommandLine = argumentReader({
  name: 'simulator',
  options: Object.fromEntries(
    SETTINGS.map(({ flag, value }) => [flag, value === undefined ? 'switch' : 'text'] as const)
  ),
  read: (given) =>
    Object.fromEntries(
      SETTINGS.flatMap(({ flag, variable }) => {
        const text = given.text(flag)
        return text === undefined ? [] : [[variable, text] as const]
      })
    )
})

function settingLine({ flag, variable, value, fallback, means }: Setting): string {
  const shown = `--${flag}${value === undefined ? '' : ` ${value}`}`
  const standard = fallback === '' ? '' : ` (${fallback})`
  return `  ${shown.padEnd(24)} ${variable.padEnd(22)} ${means}${standard}`
}
