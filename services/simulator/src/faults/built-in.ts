import { readFile } from 'node:fs/promises'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { CONTENT_NAMES } from './content.ts'
import { scenarioOf, type Scenario, type Step } from './scenario.ts'

const scenario = (name: string, about: string, ...steps: readonly Step[]): Scenario => ({
  name,
  about,
  steps
})

/** So many frames go well first, so that it shows what was there before. */
const AFTER = { when: { frames: 10 } } as const
/** At the first connection and at a later one. */
const refusals = (status: number, times: number): readonly Step[] => [
  { do: 'refuse', status, times },
  { ...AFTER, do: 'refuse', status, times },
  { do: 'cut' }
]

const OF_THE_LINE: readonly Scenario[] = [
  scenario(
    'refused-401',
    'the key is refused after it was good',
    { ...AFTER, do: 'refuse', status: 401 },
    { do: 'cut' }
  ),
  scenario('busy-429', 'an old session is still alive on the server, twice', ...refusals(429, 1)),
  scenario(
    'answer-200',
    'a proxy answers 200 instead of a WebSocket, three times',
    ...refusals(200, 3)
  ),
  scenario('answer-524', 'the origin times out behind its proxy, three times', ...refusals(524, 3)),
  scenario('one-key-two-clients', 'a second connection on one key kills both', {
    do: 'key',
    rule: 'kill'
  }),
  scenario('key-held', 'a second connection on one key gets 429 while the first lives', {
    do: 'key',
    rule: 'refuse'
  }),
  scenario('close-1000', 'the server says goodbye', {
    ...AFTER,
    do: 'close',
    code: 1000,
    reason: 'bye'
  }),
  scenario('close-1001', 'the server goes away for a deployment', {
    ...AFTER,
    do: 'close',
    code: 1001
  }),
  scenario('close-1006', 'the line is cut without a goodbye', { ...AFTER, do: 'cut' }),
  scenario(
    'close-after-2s',
    'the server closes two seconds after the connection',
    { when: { connection: 1 }, do: 'wait' },
    { when: { ms: 2000 }, do: 'close', code: 1011 }
  ),
  scenario(
    'close-at-once',
    'the line is cut, and the next three are cut as soon as they stand',
    { ...AFTER, do: 'cut' },
    { when: { connection: 2 }, do: 'cut' },
    { when: { connection: 3 }, do: 'cut' },
    { when: { connection: 4 }, do: 'cut' }
  ),
  scenario('pings-only', 'the trades stop, pings go on', { ...AFTER, do: 'mute', pings: true }),
  scenario('silence', 'nothing comes any more, the line is up', {
    ...AFTER,
    do: 'mute',
    pings: false
  }),
  scenario('half-open', 'the server neither reads nor answers, the line is up', {
    ...AFTER,
    do: 'freeze'
  }),
  scenario(
    'half-open-key-held',
    'as half-open, and the dead session still holds the key',
    { do: 'key', rule: 'refuse' },
    { ...AFTER, do: 'freeze' },
    { when: { ms: 3000 }, do: 'key', rule: 'share' }
  ),
  scenario('too-many-symbols', 'only two symbols are allowed', { do: 'limit', symbols: 2 }),
  scenario('thrice', 'twenty frames come three times each', {
    ...AFTER,
    do: 'repeat',
    times: 3,
    frames: 20
  })
]

/** One per fault: of the line, and `content` by content. */
export const BUILT_IN: readonly Scenario[] = [
  ...OF_THE_LINE,
  ...CONTENT_NAMES.map((content) =>
    scenario(content, `a frame: ${content.replaceAll('-', ' ')}`, {
      ...AFTER,
      do: 'content',
      content
    })
  )
]

/**
 * A scenario by its built-in name or from a JSON file.
 * @throws CONFIG_INVALID when there is neither, or with every mistake in the file.
 */
export async function readScenario(nameOrPath: string): Promise<Scenario> {
  const known = BUILT_IN.find(({ name }) => name === nameOrPath)
  if (known !== undefined) return known
  let value: unknown
  try {
    value = JSON.parse(await readFile(nameOrPath, 'utf8'))
  } catch (cause) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot start: SIMULATOR_SCENARIO is '${nameOrPath}' (${messageOf(cause)}), expected a JSON ` +
        `file or one of ${BUILT_IN.map(({ name }) => name).join(', ')}`,
      { cause }
    )
  }
  return scenarioOf(value, nameOrPath)
}
