import type { ChaosResult } from './run-chaos.ts'
import { VICTIMS } from './fault-plan.ts'

/** The table at the end of a run. */
export function report(result: ChaosResult): string {
  const { topic, trades, bars, missing, reference, kills, recovery } = result
  const rows = [
    `seed         ${result.seed}`,
    `kills        ${result.killed}, ${result.idleKills} of them after everything was stored; ${result.seconds} s in all`,
    ...VICTIMS.map((victim) => {
      const times = recovery[victim]
      const took =
        times === undefined
          ? ''
          : `, first new trade stored after p50 ${seconds(times.p50Ms)}, at most ${seconds(times.maxMs)} (${times.measured} measured)`
      return `  ${victim.padEnd(11)}${kills[victim]}${took}`
    }),
    `pauses       ${result.pauses} of a consumer; ${result.fenced} times it had lost all its partitions when resumed${result.serverPauses === 0 ? '' : `; ${result.serverPauses} of a broker or mongod`}`,
    ...outageRows(result),
    `own exits    ${result.ownExits} (a service gave up on an unreachable server and was restarted)`,
    `topic        ${topic.trades} trades in ${topic.records} records, ${topic.repeated} of them published twice`,
    `tape         ${result.tape} trades, ${missing.missing} not on the topic in ${missing.holes} stretches; ${missing.unexplained} outside of the ${result.gaps} recorded gaps`,
    `trades       ${trades.stored} stored of ${trades.expected}; ${trades.lost} lost, ${trades.repeated} repeated, ${trades.different} different, ${trades.excluded} in no bar`,
    ...bars.map(
      ({ timeframe, expected, equal, different, missing: absent, unexpected }) =>
        `${timeframe.padEnd(8)}bars ${equal} equal of ${expected}; ${different} different, ${absent} missing, ${unexpected} unexpected`
    ),
    ...forecastRows(result),
    auditRow(result),
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

function outageRows({ outages, cuts, drops }: ChaosResult): string[] {
  if (outages === undefined) return []
  const { caused, longestMs, unrecorded, met, inside, overstated, uncovered, revised } = outages
  const times = Object.entries(caused).map(([kind, count]) => `${kind} ${count} times`)
  return [
    `outages      ${times.join(', ')}, at most ${seconds(longestMs)} (${cuts} cuts, ${drops} symbols dropped and followed again)`,
    `  recorded   ${unrecorded} outside of the recorded gaps`,
    `  coverage   ${uncovered} bars below 1, ${revised} of them revised for a gap; ${met} met an outage of the run, ${inside} lay inside one, ${overstated} say more`
  ]
}

function auditRow({ audit }: ChaosResult): string {
  const { dates, bars, equal, open, differences } = audit
  const verdict = differences === 0 ? 'no difference' : `${differences} differences`
  return `audit        ${verdict} in ${bars} bars of ${dates.join(', ')}; ${equal} equal, ${open} still open`
}

function forecastRows({ forecasts }: ChaosResult): string[] {
  const { found } = forecasts
  return [
    `forecasts    ${forecasts.entries} in ${forecasts.series} series: ${forecasts.scored} scored, ${forecasts.void} void, ${forecasts.open} open; ${forecasts.rewritten} rewritten by late trades`,
    `  ledger     ${found.twice} twice, ${found.origin} with a wrong origin, ${found.outcome} with a wrong outcome, ${found.leftOpen} left open`,
    `  lines      ${found.line} different, ${found.band} bands different; late trades leave ${forecasts.unfitted} and ${forecasts.unfollowed} in doubt`,
    `  holes      ${found.hole} in ${forecasts.bars} final bars times models, ${found.absence} absences wrong; ${forecasts.undecided} for a flush to decide`,
    `  scores     ${forecasts.equalScores} equal of ${forecasts.scores}; ${found.score} different; ${found.state} states different`
  ]
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
