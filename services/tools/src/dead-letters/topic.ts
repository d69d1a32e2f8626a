import { TapedeckError } from '@tapedeck/core'
import { deadTopicOf, pingBroker, Publisher, readDeadTopic } from '@tapedeck/kafka'
import type { DeadConfig } from './config.ts'
import { DeadJournal, letterOf, type Letter, type LetterEntry } from './journal.ts'
import type { ReplayTargets } from './replay.ts'

/** Letters in memory with their text at once; a text has 100 000 characters at most. */
const PASS_LETTERS = 500
const REACH_LIMIT_MS = 5000

/** @throws SERVER_MISSING that says where it was looked for */
export async function reachBroker({ kafka, brokerFrom }: DeadConfig): Promise<void> {
  try {
    await pingBroker(kafka, REACH_LIMIT_MS)
  } catch (cause) {
    throw new TapedeckError(
      'SERVER_MISSING',
      `Cannot reach Kafka at ${kafka.brokers.join(', ')} (from ${brokerFrom}), expected a broker: is npm start running?`,
      { cause }
    )
  }
}

/** Every letter that the topic holds and what became of it, ascending by offset. */
export async function readEntries({ kafka }: DeadConfig): Promise<readonly LetterEntry[]> {
  const journal = new DeadJournal()
  await readDeadTopic(kafka, (record) => {
    journal.take(record)
    return undefined
  })
  return journal.letters
}

/** Works on the letters with their texts, some hundred at a time, ascending. */
export async function eachPass(
  { kafka }: DeadConfig,
  entries: readonly LetterEntry[],
  work: (letters: readonly Letter[]) => Promise<void> | void
): Promise<void> {
  const offsets = entries.map(({ offset }) => offset).toSorted((a, b) => a - b)
  for (let i = 0; i < offsets.length; i += PASS_LETTERS) {
    const wanted = new Set(offsets.slice(i, i + PASS_LETTERS))
    const letters: Letter[] = []
    await readDeadTopic(
      kafka,
      (record) => {
        if (wanted.delete(record.offset)) letters.push(letterOf(record))
        return wanted.size === 0 ? 'stop' : undefined
      },
      { from: Math.min(...wanted) }
    )
    await work(letters)
  }
}

/** Opens both topics for writing while `work` runs. */
export async function withTargets(
  { kafka }: DeadConfig,
  work: (targets: ReplayTargets) => Promise<void>
): Promise<void> {
  const clientId = 'tapedeck-dead'
  const trades = new Publisher(kafka, { clientId, topic: kafka.topic })
  const letters = new Publisher(kafka, { clientId, topic: deadTopicOf(kafka.topic) })
  try {
    await work({
      publish: (records) => trades.send(records),
      mark: (records) => letters.send(records)
    })
  } finally {
    await Promise.all([trades.close(), letters.close()])
  }
}
