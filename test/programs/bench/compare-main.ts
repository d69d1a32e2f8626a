/**
 * `npm run bench:compare -- COMMIT`: the benchmarks of engine and pipeline of the working tree and of a commit in turn.
 * Exit code 0 only when every one of them held.
 */
import path from 'node:path'
import { runCommand, stopSignal } from '@tapedeck/core'
import { OwnScope } from '../../support/scope.ts'
import { runBench } from './bench-process.ts'
import { checkOut, workingTree } from './checkout.ts'
import { compareCommand } from './compare-arguments.ts'
import { measuresIn, ratiosOf, ratioTable, type Measures, type Pair } from './ratios.ts'

const root = path.resolve(import.meta.dirname, '../../..')

await runCommand({
  ...compareCommand,
  async run({ commit, rounds, benches, load, isJson }, terminal) {
    const signal = stopSignal()
    const scope = new OwnScope()
    const say = (text: string): void => terminal.note(`  ${text}`)
    try {
      const options = { root, benches, signal, say }
      const here = await workingTree(options)
      const base = await checkOut(commit, scope, options)
      const problems = new Set<string>()
      const results: Record<string, unknown> = {}
      for (const bench of benches) {
        const measure = async (version: typeof here, round: number): Promise<Measures> => {
          say(`bench:${bench} of ${version.name}, round ${round} of ${rounds}`)
          const report = await runBench(version, bench, load, signal)
          const measures = measuresIn(bench, report)
          for (const problem of measures.problems) {
            problems.add(`bench:${bench} of ${version.name}: ${problem}`)
          }
          return measures
        }
        const pairs: Pair[] = []
        for (let round = 1; round <= rounds; round++) {
          pairs.push({ base: await measure(base, round), here: await measure(here, round) })
        }
        const ratios = ratiosOf(pairs)
        results[bench] = ratios
        terminal.write(`\n${ratioTable(bench, ratios, { base: base.name, here: here.name })}`)
        if (pairs.some((pair) => pair.base.bars !== pair.here.bars)) {
          terminal.write('the versions store different bars\n')
        }
      }
      terminal.write(`\n${[...problems].map((problem) => `! ${problem}\n`).join('')}`)
      const holds = problems.size === 0
      terminal.write(holds ? 'holds: every benchmark held in both versions\n' : 'FAILS\n')
      if (isJson) {
        const names = { base: base.name, here: here.name }
        terminal.write(
          `${JSON.stringify({ ...names, holds, problems: [...problems], ...results })}\n`
        )
      }
      return holds ? 0 : 1
    } finally {
      await scope.end()
    }
  }
})
