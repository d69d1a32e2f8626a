import { argumentReader } from '@tapedeck/core'
import { VICTIMS, type Victim } from './fault-plan.ts'

export const USAGE = `Usage: npm run chaos -- [--kills N] [--seed N] [--tape FILE] [--symbols A,B] [--spare KIND,..]
                           [--rate N] [--cluster] [--consumers N] [--json]

  --kills N      how many processes are killed (100)
  --seed N       repeats the same order of faults; drawn and printed when not given
  --tape FILE    a tape, .ndjson or .ndjson.gz (a recorded day of four US stocks)
  --symbols A,B  only these symbols of the tape
  --spare KINDS  never killed: ${VICTIMS.join(', ')}
  --cluster      three brokers and three mongods, each a cluster; mostly servers are killed
  --rate N       trades a second; default: so that a kill falls in about every 4 s of the tape
  --consumers N  consumers in the group, 1 to 6 (2)
  --json         the last line is one JSON object with the figures
`

export interface ChaosArguments {
  readonly kills: number
  readonly seed: number
  readonly tape: string | undefined
  readonly symbols: readonly string[] | undefined
  readonly spared: readonly Victim[]
  readonly rate: number | undefined
  readonly isCluster: boolean
  readonly consumers: number
  readonly isJson: boolean
}

const MOST_KILLS = 10_000
const SEEDS = 2 ** 32

/** @throws CONFIG_INVALID that names every mistake */
export const readArguments = argumentReader({
  name: 'chaos',
  options: {
    kills: 'text',
    seed: 'text',
    tape: 'text',
    symbols: 'text',
    spare: 'text',
    rate: 'text',
    cluster: 'flag',
    consumers: 'text',
    json: 'flag'
  },
  read(given): ChaosArguments {
    const kills = given.whole('kills', 0, MOST_KILLS) ?? 100
    const spared = (given.list('spare') ?? []).flatMap(
      (kind) => given.choiceOf('--spare', kind, VICTIMS) ?? []
    )
    if (kills > 0 && VICTIMS.every((victim) => spared.includes(victim))) {
      given.mistake('--spare leaves nothing to kill, expected at least one kind')
    }
    return {
      kills,
      seed: given.whole('seed', 0, SEEDS - 1) ?? Math.floor(Math.random() * SEEDS),
      tape: given.text('tape'),
      symbols: given.list('symbols'),
      spared,
      rate: given.whole('rate', 1, 100_000),
      isCluster: given.flag('cluster'),
      consumers: given.whole('consumers', 1, 6) ?? 2,
      isJson: given.flag('json')
    }
  }
})
