import { parseArgs } from 'node:util'
import { VICTIMS, type Victim } from './strikes.ts'

export const USAGE = `Usage: npm run chaos -- [--kills N] [--seed N] [--tape FILE] [--symbols A,B] [--spare KIND,..]
                           [--rate N] [--json]

  --kills N      how many processes are killed (100)
  --seed N       repeats the same order of strikes; drawn and printed when not given
  --tape FILE    a tape, .ndjson or .ndjson.gz (a recorded day of four US stocks)
  --symbols A,B  only these symbols of the tape
  --spare KINDS  never killed: ${VICTIMS.join(', ')}
  --rate N       trades a second; default: so that a kill falls in about every 4 s of the tape
  --json         the last line is one JSON object with the figures
`

export interface ChaosArguments {
  readonly kills: number
  readonly seed: number
  readonly tape: string | undefined
  readonly symbols: readonly string[] | undefined
  readonly spared: readonly Victim[]
  readonly rate: number | undefined
  readonly isJson: boolean
}

const MOST_KILLS = 10_000
const SEEDS = 2 ** 32

/** `help`, or what to do. @throws RangeError with every mistake */
export function readArguments(args: readonly string[]): ChaosArguments | 'help' {
  const { values } = parsed(args)
  if (values.help) return 'help'
  const problems: string[] = []
  const whole = (name: string, text: string | undefined, from: number, to: number): number => {
    const number = Number(text)
    if (text !== undefined && /^\d+$/.test(text) && number >= from && number <= to) return number
    problems.push(`--${name} is '${text}', expected a whole number from ${from} to ${to}`)
    return from
  }
  const optional = (name: 'seed' | 'rate', from: number, to: number): number | undefined =>
    values[name] === undefined ? undefined : whole(name, values[name], from, to)
  const spared = list(values.spare) ?? []
  for (const kind of spared) {
    if (!(VICTIMS as readonly string[]).includes(kind)) {
      problems.push(`--spare has '${kind}', expected some of ${VICTIMS.join(', ')}`)
    }
  }
  const kills = whole('kills', values.kills, 0, MOST_KILLS)
  if (kills > 0 && VICTIMS.every((victim) => spared.includes(victim))) {
    problems.push('--spare leaves nothing to kill, expected at least one kind')
  }
  const symbols = list(values.symbols)
  if (symbols?.includes(''))
    problems.push(`--symbols has an empty name, expected names such as IBM`)
  const result = {
    kills,
    seed: optional('seed', 0, SEEDS - 1) ?? Math.floor(Math.random() * SEEDS),
    tape: values.tape,
    symbols,
    spared: spared as Victim[],
    rate: optional('rate', 1, 100_000),
    isJson: values.json
  }
  if (problems.length > 0) throw new RangeError(problems.join('\n'))
  return result
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        kills: { type: 'string', default: '100' },
        seed: { type: 'string' },
        tape: { type: 'string' },
        symbols: { type: 'string' },
        spare: { type: 'string' },
        rate: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false }
      }
    })
  } catch (cause) {
    throw new RangeError(`${(cause as Error).message}\n\n${USAGE}`, { cause })
  }
}

function list(text: string | undefined): string[] | undefined {
  return text?.split(',').map((entry) => entry.trim())
}
