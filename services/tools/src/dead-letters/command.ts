import { commandLine, printable, table } from '@tapedeck/core'
import { deadTopicOf } from '@tapedeck/kafka'
import { reachBroker, type TopicConfig } from '../command/config.ts'
import {
  eachLetterBatch,
  isOpen,
  readEntries,
  type Letter,
  type LetterEntry,
  type LetterState
} from './journal.ts'
import {
  markLetters,
  replayConnection,
  replayLetters,
  withTargets,
  type ReplayOutcome
} from './replay.ts'

const COMMANDS = ['list', 'show', 'replay', 'drop'] as const

/** Letters that `show` prints unless --limit says otherwise. */
const SHOWN = 10

/** Refused letters that a replay lists. */
const LISTED = 20

interface DeadLettersArguments {
  readonly command: (typeof COMMANDS)[number]
  readonly offsets: readonly number[]
  readonly reason: string | undefined
  readonly isAll: boolean
  readonly isDryRun: boolean
  readonly isJson: boolean
  readonly limit: number
  readonly feed: string | undefined
}

/** The command line of `npm run dead`. */
export const deadLettersCommand = commandLine({
  name: 'dead',
  purpose:
    'Lists, shows, replays and drops dead letters: frames and records that did not fit the schema.',
  forms: [
    '-- list [--all] [--json]           count letters by stage and reason',
    '-- show   SELECTION [--limit N]    print letters with their raw text',
    '-- replay SELECTION [--dry-run]    publish what fits the schema now',
    '-- drop   SELECTION [--dry-run]    mark letters as handled'
  ],
  options: {
    reason: ['text', 'TEXT', 'letters whose reason begins with TEXT'],
    all: ['flag', 'every letter; with list, also those that were replayed or dropped'],
    limit: ['text', 'N', `at most N letters, oldest first (show: ${SHOWN})`],
    feed: [
      'text',
      'NAME',
      'feed of letters that do not name theirs (FEED_NAME, else by FINNHUB_TOKEN)'
    ],
    'dry-run': ['flag', 'report what would be done, and change nothing'],
    json: ['flag', 'print the list as one JSON object']
  },
  settings: {
    KAFKA_BROKERS: 'your own broker; without it that of the running npm start',
    KAFKA_TOPIC: 'letters are on the topic of this name with .dead behind it',
    TAPEDECK_DATA_DIR: 'the data folder of that npm start',
    FEED_NAME: 'feed of letters that do not name theirs'
  },
  notes:
    'SELECTION is one of OFFSET…, --reason TEXT, --all; the last two select open letters only.',
  exits: ['done', 'not all could be done', 'wrong arguments, or no broker'],
  example: "-- show --reason 'price is not' --limit 3",
  takesOperands: true,
  read(given): DeadLettersArguments {
    const [name, ...rest] = given.operands
    if (name === undefined) given.mistake(`no command found, expected ${COMMANDS.join(', ')}`)
    const command =
      (name === undefined ? undefined : given.choiceOf('command', name, COMMANDS)) ?? 'list'
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

type Write = (text: string) => void

/**
 * Runs one command.
 * @returns whether all of it could be done
 * @throws SERVER_MISSING without a broker, BROKER_UNREACHABLE or PUBLISH_FAILED when it goes away
 */
export async function runDeadLetters(
  args: DeadLettersArguments,
  config: TopicConfig,
  write: Write
): Promise<boolean> {
  await reachBroker(config)
  const { kafka } = config
  const entries = await readEntries(kafka)
  if (args.command === 'list') {
    write(listText(deadTopicOf(kafka.topic), entries, args))
    return true
  }
  const { letters, isComplete } = select(args, deadTopicOf(kafka.topic), entries, write)
  if (args.command === 'show') await show(config, letters, write)
  if (args.command === 'drop') await drop(args, config, letters, write)
  const isDone = args.command !== 'replay' || (await replay(args, config, entries, letters, write))
  return isDone && isComplete
}

/** The selected letters, and whether every offset that was named has a letter. */
function select(
  { command, offsets, reason = '', isAll, limit }: DeadLettersArguments,
  topic: string,
  entries: readonly LetterEntry[],
  write: Write
): { readonly letters: readonly LetterEntry[]; readonly isComplete: boolean } {
  if (offsets.length === 0) {
    const letters = entries.filter(
      (entry) => isOpen(entry) && (isAll || entry.reason.startsWith(reason))
    )
    return { letters: letters.slice(0, limit), isComplete: true }
  }
  let isComplete = true
  const byOffset = new Map(entries.map((entry) => [entry.offset, entry]))
  const letters = [...new Set(offsets)].flatMap((offset) => {
    const entry = byOffset.get(offset)
    if (entry === undefined) {
      write(`offset ${offset}: no letter on ${topic}\n`)
      isComplete = false
      return []
    }
    if (command === 'show' || isOpen(entry)) return [entry]
    // Not a failure: the same command may be run twice.
    write(`offset ${offset}: ${entry.state} already\n`)
    return []
  })
  return { letters: letters.slice(0, limit), isComplete }
}

async function show(
  { kafka }: TopicConfig,
  entries: readonly LetterEntry[],
  write: Write
): Promise<void> {
  const byOffset = new Map(entries.map((entry) => [entry.offset, entry]))
  await eachLetterBatch(kafka, entries, (letters) => {
    for (const letter of letters) {
      write(letterText(letter, byOffset.get(letter.offset)?.state ?? 'open'))
    }
  })
  if (entries.length === 0) write('no letter to show\n')
}

async function drop(
  { isDryRun }: DeadLettersArguments,
  { kafka }: TopicConfig,
  entries: readonly LetterEntry[],
  write: Write
): Promise<void> {
  const offsets = entries.map(({ offset }) => offset)
  if (!isDryRun) await withTargets(kafka, (targets) => markLetters('dropped', offsets, targets))
  write(`${offsets.length} letters ${isDryRun ? 'would be ' : ''}dropped\n`)
}

/**
 * Letters in doubt, left by an interrupted run, are replayed first and completely, under the names they
 * had: the consumer skips the records it already has, and takes frames of a connection only in order.
 */
async function replay(
  { isDryRun, feed }: DeadLettersArguments,
  config: TopicConfig,
  entries: readonly LetterEntry[],
  selected: readonly LetterEntry[],
  write: Write
): Promise<boolean> {
  const doubtful = entries.filter(({ state }) => state === 'in doubt')
  const runs = Map.groupBy(doubtful, ({ connection }) => connection ?? '')
  runs.set(
    replayConnection(Date.now()),
    selected.filter(({ state }) => state === 'open')
  )
  if (doubtful.length > 0) {
    write(`${doubtful.length} letters of an interrupted run are replayed first\n`)
  }
  const outcomes: ReplayOutcome[] = []
  await withTargets(config.kafka, async (targets) => {
    for (const [connection, letters] of runs) {
      await eachLetterBatch(config.kafka, letters, async (batch) => {
        const names = { connection, feed: feed ?? config.feed }
        outcomes.push(await replayLetters(batch, names, isDryRun ? undefined : targets))
      })
    }
  })
  const refused = outcomes.flatMap((one) => one.refused)
  for (const { offset, problem } of refused.slice(0, LISTED)) {
    write(`offset ${offset}: does not fit: ${printable(problem)}\n`)
  }
  if (refused.length > LISTED) write(`and ${refused.length - LISTED} more that do not fit\n`)
  const letters = outcomes.reduce((sum, { replayed }) => sum + replayed, 0)
  const trades = outcomes.reduce((sum, one) => sum + one.trades, 0)
  write(
    `${letters} letters with ${trades} trades ${isDryRun ? 'would be ' : ''}replayed, ` +
      `${refused.length} do not fit\n`
  )
  return refused.length === 0
}

/** The count of each stage, reason and state, largest first, with the newest letter. */
function groupsOf(entries: readonly LetterEntry[]) {
  const groups = Map.groupBy(entries, (entry) =>
    JSON.stringify([entry.stage, labelOf(entry), entry.state])
  )
  return [...groups.values()]
    .flatMap((group) => {
      const newest = group.at(-1)
      if (newest === undefined) return []
      return [
        {
          stage: newest.stage,
          reason: labelOf(newest),
          state: newest.state,
          count: group.length,
          newestAt: new Date(newest.storedAtMs).toISOString(),
          newestOffset: newest.offset
        }
      ]
    })
    .toSorted((a, b) => b.count - a.count || a.newestOffset - b.newestOffset)
}

/** The reason up to its colon: what follows differs from letter to letter. */
function labelOf({ reason }: LetterEntry): string {
  return reason.split(':', 1)[0] ?? reason
}

function listText(
  topic: string,
  entries: readonly LetterEntry[],
  { isAll, isJson }: DeadLettersArguments
): string {
  if (isJson) return `${JSON.stringify({ topic, groups: groupsOf(entries) })}\n`
  const open = entries.filter(isOpen)
  const done = entries.length - open.length
  const doneText =
    done === 0 ? '' : `, ${done} replayed or dropped${isAll ? '' : ' (--all lists them)'}`
  const head = `${topic}: ${open.length} letters open${doneText}\n`
  const groups = groupsOf(isAll ? entries : open)
  if (groups.length === 0) return head
  const rows = groups.map((group) => [
    group.count,
    group.stage,
    printable(group.reason),
    group.state,
    group.newestAt,
    group.newestOffset
  ])
  const columns = ['letters', 'stage', 'reason', 'state', 'newest', 'offset']
  return `${head}\n${table([columns, ...rows])}`
}

function letterText(letter: Letter, state: LetterState): string {
  const { offset, stage, reason, partition, recordOffset, lastOffset, storedAtMs, raw } = letter
  const through = lastOffset === undefined ? '' : ` to ${lastOffset}`
  const place =
    partition === undefined ? '' : `, record ${partition}/${recordOffset ?? '?'}${through}`
  const head = `offset ${offset}, ${new Date(storedAtMs).toISOString()}, ${stage}${place}, ${state}`
  return `${head}\n  reason  ${printable(reason)}\n  raw     ${printable(raw)}\n\n`
}
