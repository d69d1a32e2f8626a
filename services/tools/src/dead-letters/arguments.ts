import { argumentReader } from '@tapedeck/core'

export const DEAD_USAGE = `What did not fit the schema is kept on <topic>.dead; this looks into it.

  npm run dead -- list [--all] [--json]           counts by stage and reason
  npm run dead -- show   SELECTION [--limit N]    the letters with their raw text (10)
  npm run dead -- replay SELECTION [--dry-run]    publish again what fits today's rules
  npm run dead -- drop   SELECTION [--dry-run]    done with: no longer listed

SELECTION: OFFSET…, or --reason TEXT, or --all; of the letters that were not replayed or dropped yet
  --reason TEXT  letters whose reason begins so
  --feed NAME    the feed of letters that do not name theirs (FEED_NAME, else by FINNHUB_TOKEN)
  --limit N      at most N letters, the oldest first

KAFKA_BROKERS and KAFKA_TOPIC say where; not set: the broker that npm start runs from TAPEDECK_DATA_DIR.
Exit codes: 0 done, 1 not all could be done, 2 a mistake in the command or no broker.
`

const COMMANDS = ['list', 'show', 'replay', 'drop'] as const
const SHOWN = 10

export interface DeadArguments {
  readonly command: (typeof COMMANDS)[number]
  readonly offsets: readonly number[]
  readonly reason: string | undefined
  readonly isAll: boolean
  readonly isDryRun: boolean
  readonly isJson: boolean
  readonly limit: number
  readonly feed: string | undefined
}

/** @throws CONFIG_INVALID that names every mistake */
export const readDeadArguments = argumentReader({
  name: 'dead',
  options: {
    reason: 'text',
    all: 'flag',
    'dry-run': 'flag',
    json: 'flag',
    limit: 'text',
    feed: 'text'
  },
  operand: 'a command, then offsets',
  read(given): DeadArguments {
    const [name = 'none', ...rest] = given.operands
    const command = given.choiceOf('command', name, COMMANDS) ?? 'list'
    const offsets = rest.map(
      (text) => given.wholeOf('offset', text, 0, Number.MAX_SAFE_INTEGER) ?? 0
    )
    const reason = given.text('reason')
    const isAll = given.flag('all')
    const ways = [offsets.length > 0, reason !== undefined, isAll].filter(Boolean).length
    if (command === 'list' && (offsets.length > 0 || reason !== undefined)) {
      given.mistake('a selection found for list, expected none; show takes one')
    }
    if (command !== 'list' && ways !== 1) {
      given.mistake(`${ways} selections found, expected one of OFFSET…, --reason TEXT, --all`)
    }
    const limit = given.whole('limit', 1, Number.MAX_SAFE_INTEGER)
    return {
      command,
      offsets,
      reason,
      isAll,
      isDryRun: given.flag('dry-run'),
      isJson: given.flag('json'),
      limit: limit ?? (command === 'show' ? SHOWN : Number.MAX_SAFE_INTEGER),
      feed: given.text('feed')
    }
  }
})
