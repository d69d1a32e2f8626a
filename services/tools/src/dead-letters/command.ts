import { printable } from '@tapedeck/core'
import { deadTopicOf } from '@tapedeck/kafka'
import type { DeadArguments } from './arguments.ts'
import type { DeadConfig } from './config.ts'
import { isOpen, type LetterEntry } from './journal.ts'
import { markLetters, replayConnection, replayLetters, type ReplayOutcome } from './replay.ts'
import { groupLetters, renderLetter, renderList } from './screen.ts'
import { eachPass, reachBroker, readEntries, withTargets } from './topic.ts'

/** Letters that stayed refused are listed up to here. */
const LISTED = 20

type Write = (text: string) => void

/** The letters that a command is about, and whether there were all that it names. */
interface Chosen {
  readonly letters: readonly LetterEntry[]
  readonly isComplete: boolean
}

/**
 * Does one command and answers whether all of it could be done.
 * @throws SERVER_MISSING without a broker, BROKER_UNREACHABLE or PUBLISH_FAILED when it goes away
 */
export async function runDeadCommand(
  args: DeadArguments,
  config: DeadConfig,
  write: Write
): Promise<boolean> {
  await reachBroker(config)
  const entries = await readEntries(config)
  const { command } = args
  if (command === 'list') return list(args, config, entries, write)
  const chosen = choose(args, config, entries, write)
  if (command === 'show') await show(config, chosen.letters, write)
  if (command === 'drop') await drop(args, config, chosen.letters, write)
  const isDone =
    command !== 'replay' || (await replay(args, config, entries, chosen.letters, write))
  return isDone && chosen.isComplete
}

function list(
  { isAll, isJson }: DeadArguments,
  { kafka }: DeadConfig,
  entries: readonly LetterEntry[],
  write: Write
): boolean {
  const topic = deadTopicOf(kafka.topic)
  const groups = groupLetters(entries)
  write(isJson ? `${JSON.stringify({ topic, groups })}\n` : renderList(topic, entries, { isAll }))
  return true
}

function choose(
  { command, offsets, reason, isAll, limit }: DeadArguments,
  { kafka }: DeadConfig,
  entries: readonly LetterEntry[],
  write: Write
): Chosen {
  if (offsets.length === 0) {
    const letters = entries.filter(
      (entry) => isOpen(entry) && (isAll || entry.reason.startsWith(reason ?? ''))
    )
    return { letters: letters.slice(0, limit), isComplete: true }
  }
  let isComplete = true
  const byOffset = new Map(entries.map((entry) => [entry.offset, entry]))
  const letters = [...new Set(offsets)].flatMap((offset) => {
    const entry = byOffset.get(offset)
    if (entry === undefined) {
      write(`offset ${offset}: no letter on ${deadTopicOf(kafka.topic)}\n`)
      isComplete = false
      return []
    }
    if (command === 'show' || isOpen(entry)) return [entry]
    // Asked for twice is no mistake: it is done.
    write(`offset ${offset}: ${entry.state} already\n`)
    return []
  })
  return { letters: letters.slice(0, limit), isComplete }
}

async function show(
  config: DeadConfig,
  entries: readonly LetterEntry[],
  write: Write
): Promise<void> {
  const byOffset = new Map(entries.map((entry) => [entry.offset, entry]))
  await eachPass(config, entries, (letters) => {
    for (const letter of letters) {
      write(`${renderLetter(letter, byOffset.get(letter.offset)?.state ?? 'open')}\n`)
    }
  })
  if (entries.length === 0) write('no letter to show\n')
}

async function drop(
  { isDryRun }: DeadArguments,
  config: DeadConfig,
  entries: readonly LetterEntry[],
  write: Write
): Promise<void> {
  const offsets = entries.map(({ offset }) => offset)
  if (!isDryRun) {
    await withTargets(config, (targets) => markLetters('dropped', offsets, targets))
  }
  write(`${offsets.length} letters ${isDryRun ? 'would be ' : ''}dropped\n`)
}

/**
 * What a killed run left in doubt comes first, all of it under the names it had: the consumer passes
 * over what it has, and only then takes frames of that connection in their order.
 */
async function replay(
  { isDryRun, feed = '' }: DeadArguments,
  config: DeadConfig,
  entries: readonly LetterEntry[],
  chosen: readonly LetterEntry[],
  write: Write
): Promise<boolean> {
  const doubtful = entries.filter(({ state }) => state === 'in doubt')
  const runs = Map.groupBy(doubtful, ({ connection }) => connection ?? '')
  const fresh = chosen.filter(({ state }) => state === 'open')
  runs.set(replayConnection(Date.now()), [...fresh])
  if (doubtful.length > 0)
    write(`${doubtful.length} letters of a run that did not end come first\n`)
  const outcomes: ReplayOutcome[] = []
  await withTargets(config, async (targets) => {
    for (const [connection, letters] of runs) {
      await eachPass(config, letters, async (pass) => {
        const names = { connection, feed: feed === '' ? config.feed : feed }
        outcomes.push(await replayLetters(pass, names, isDryRun ? undefined : targets))
      })
    }
  })
  const refused = outcomes.flatMap((one) => one.refused)
  for (const { offset, problem } of refused.slice(0, LISTED)) {
    write(`offset ${offset}: does not fit: ${printable(problem)}\n`)
  }
  if (refused.length > LISTED) write(`and ${refused.length - LISTED} more that do not fit\n`)
  const letters = total(outcomes.map((one) => one.replayed))
  const trades = total(outcomes.map((one) => one.trades))
  write(
    `${letters} letters with ${trades} trades ${isDryRun ? 'would be ' : ''}replayed, ` +
      `${refused.length} do not fit\n`
  )
  return refused.length === 0
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0)
}
