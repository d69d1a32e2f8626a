import type { ChaosResult } from './run-chaos.ts'
import { VICTIMS } from './strikes.ts'

/** The table at the end of a run. */
export function report(result: ChaosResult): string {
  const { topic, trades, bars, missing, reference, kills, recovery } = result
  const rows = [
    `seed         ${result.seed}`,
    `kills        ${result.killed}, ${result.idleKills} of them with nothing left to do; ${result.seconds} s in all`,
    ...VICTIMS.map((victim) => {
      const times = recovery[victim]
      const took =
        times === undefined
          ? ''
          : `, first new trade stored after p50 ${seconds(times.p50Ms)}, at most ${seconds(times.maxMs)} (${times.measured} measured)`
      return `  ${victim.padEnd(11)}${kills[victim]}${took}`
    }),
    `pauses       ${result.pauses} of a consumer; ${result.robbed} times it had lost all its partitions when it woke`,
    `own ends     ${result.ownEnds} (a service gave up on a server that was away, and was started again)`,
    `topic        ${topic.trades} trades in ${topic.records} records, ${topic.repeated} of them published twice`,
    `tape         ${result.tape} trades, ${missing.missing} not on the topic in ${missing.holes} stretches; ${missing.unexplained} outside of the ${result.gaps} recorded gaps`,
    `trades       ${trades.stored} stored of ${trades.expected}; ${trades.lost} lost, ${trades.repeated} repeated, ${trades.different} different, ${trades.aside} in no bar`,
    ...bars.map(
      ({ timeframe, expected, equal, different, missing: absent, unexpected }) =>
        `${timeframe.padEnd(4)}bars     ${equal} equal of ${expected}; ${different} different, ${absent} missing, ${unexpected} unexpected`
    ),
    ...(reference === undefined
      ? []
      : [
          `reference    ${reference.equal} equal of ${reference.expected} 1m bars of the tape's own file`
        ]),
    ...result.findings.map((finding) => `  found: ${finding}`),
    result.holds ? 'holds        0 lost, 0 repeated, 0 different' : 'FAILS'
  ]
  return `${rows.join('\n')}\n`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
