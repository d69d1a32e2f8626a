import { parseArgs } from 'node:util'
import { messageOf, TapedeckError } from '@tapedeck/core'

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

/** @throws CONFIG_INVALID that names the mistake */
export function readDeadArguments(args: readonly string[]): DeadArguments | 'help' {
  const { values, positionals } = parsed(args)
  const [command, ...rest] = positionals
  if (values.help === true || command === 'help') return 'help'
  const known = COMMANDS.find((one) => one === command)
  if (known === undefined) throw invalid(`'${command ?? ''}' found`, COMMANDS.join(', '))
  const offsets = rest.map((one) => whole(one, 'an offset', 0))
  const limit = values.limit === undefined ? undefined : whole(values.limit, '--limit', 1)
  const ways = [offsets.length > 0, values.reason !== undefined, values.all === true]
  const given = ways.filter(Boolean).length
  if (known === 'list' && (offsets.length > 0 || values.reason !== undefined)) {
    throw invalid('a selection found for list', 'none; show takes one')
  }
  if (known !== 'list' && given !== 1) {
    throw invalid(`${given} selections found`, 'one of OFFSET…, --reason TEXT, --all')
  }
  return {
    command: known,
    offsets,
    reason: values.reason,
    isAll: values.all === true,
    isDryRun: values['dry-run'] === true,
    isJson: values.json === true,
    limit: limit ?? (known === 'show' ? SHOWN : Number.MAX_SAFE_INTEGER),
    feed: values.feed
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        reason: { type: 'string' },
        all: { type: 'boolean' },
        'dry-run': { type: 'boolean' },
        json: { type: 'boolean' },
        limit: { type: 'string' },
        feed: { type: 'string' },
        help: { type: 'boolean', short: 'h' }
      }
    })
  } catch (cause) {
    throw invalid(messageOf(cause), 'arguments as in --help')
  }
}

function whole(found: string, what: string, least: number): number {
  const value = /^\d{1,15}$/.test(found) ? Number(found) : -1
  if (value < least) throw invalid(`'${found}' found for ${what}`, `a whole number from ${least}`)
  return value
}

function invalid(found: string, expected: string): TapedeckError {
  return new TapedeckError(
    'CONFIG_INVALID',
    `Cannot look into letters: ${found}, expected ${expected}`
  )
}
