/** The logs that the stream is made of. */
const LOGS = ['trades', 'bars', 'forecasts'] as const
export type Log = (typeof LOGS)[number]

/** Next offset of each partition of each log; a log that is not published is missing. */
export type LogPositions = ReadonlyMap<Log, ReadonlyMap<number, number>>

/** Everything before these positions was sent. */
export interface ResumePoint {
  /** Which topic of trades the offsets count in; another topic of the same name has another. */
  readonly topic: string
  readonly positions: LogPositions
}

const TOPIC = /^[0-9a-f]{1,32}$/
const OFFSETS = /^(?:\d{1,16}(?:-\d{1,16})*)?$/

/** A resume point as text: the topic's id, then the offsets of each log, `topic.0-17-3.5-6-7.1-2-3`. */
export function resumeToken({ topic, positions }: ResumePoint): string {
  const parts = LOGS.map((log) => {
    const offsets = [...(positions.get(log) ?? [])].toSorted(([a], [b]) => a - b)
    return offsets.map(([, offset]) => offset).join('-')
  })
  return [topic, ...parts].join('.')
}

/** The reverse of `resumeToken`; undefined when the text is none. */
export function readResumeToken(text: string): ResumePoint | undefined {
  const [topic = '', ...parts] = text.split('.')
  if (!TOPIC.test(topic) || parts.length !== LOGS.length) return undefined
  if (!parts.every((part) => OFFSETS.test(part))) return undefined
  const positions = LOGS.flatMap((log, index): [Log, Map<number, number>][] => {
    const part = parts[index] ?? ''
    if (part === '') return []
    return [[log, new Map(part.split('-').map((offset, partition) => [partition, Number(offset)]))]]
  })
  return { topic, positions: new Map(positions) }
}
