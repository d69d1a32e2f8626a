import { commandLine } from '@tapedeck/core'
import { SERVER_SETTINGS } from '@tapedeck/stack/testing'
import { VICTIMS, type Victim } from './fault-plan.ts'

export interface ChaosArguments {
  readonly kills: number
  readonly seed: number
  readonly tape: string | undefined
  readonly symbols: readonly string[] | undefined
  readonly spared: readonly Victim[]
  readonly rate: number | undefined
  readonly isPresent: boolean
  readonly isCluster: boolean
  readonly consumers: number
  readonly isJson: boolean
}

const MOST_KILLS = 10_000
const SEEDS = 2 ** 32

/** The command line of `npm run chaos`. */
export const chaosCommand = commandLine({
  name: 'chaos',
  purpose:
    'Plays a recorded day through the whole pipeline while its processes are killed at random, and compares every ' +
    'trade, bar and forecast.',
  forms: [
    '-- [--kills N] [--seed N] [--tape FILE] [--symbols A,B] [--spare KIND,…] [--rate N]',
    '-- --present [--kills N] [--seed N]',
    '-- --cluster [--kills N] [--seed N]'
  ],
  options: {
    kills: ['text', 'N', 'how many processes are killed (100)'],
    seed: ['text', 'N', 'repeats the same order of faults; drawn and printed when not given'],
    tape: ['text', 'FILE', 'a tape, .ndjson or .ndjson.gz (a recorded day of four US stocks)'],
    symbols: ['text', 'A,B', 'only these symbols of the tape'],
    spare: ['text', 'KINDS', `never killed: ${VICTIMS.join(', ')}`],
    rate: [
      'text',
      'N',
      'trades a second; default: so that a kill falls in about every 4 s of the tape'
    ],
    present: ['flag', 'trades happen while they are played: outages of 3 to 75 s meet their bars'],
    cluster: ['flag', 'three brokers and three mongods, each a cluster; mostly servers are killed'],
    consumers: ['text', 'N', 'consumers in the group, 1 to 6 (2)'],
    json: ['flag', 'the last line is one JSON object with the figures']
  },
  settings: SERVER_SETTINGS,
  exits: ['nothing is lost, repeated or different', 'something is', 'wrong arguments, or no tape'],
  example: '-- --kills 20 --seed 7',
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
      isPresent: given.flag('present'),
      isCluster: given.flag('cluster'),
      consumers: given.whole('consumers', 1, 6) ?? 2,
      isJson: given.flag('json')
    }
  }
})
