import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { measuresIn, ratiosOf, ratioTable } from '../../../programs/bench/ratios.ts'

function engineReport(fold: number) {
  return {
    sections: [{ title: 'stages', rows: [{ name: 'fold', nsPerTrade: fold }] }],
    forecasts: [{ symbols: 10, nsPerBar: 30_000 }],
    memory: [{ symbols: 100, bytesPerBar: 700 }],
    problems: [],
    holds: true
  }
}

function pipelineReport(tradesPerSecond: number, barsHash = 'a') {
  const processes = [{ name: 'consumer 1', cpuSeconds: 3, rssMebibytes: 400 }]
  const run = { trades: 100_000, tradesPerSecond, barsHash, processes }
  return { holds: true, problems: [], runs: [run] }
}

describe('ratios of two versions', () => {
  it('are taken within each round, then their median', () => {
    // The machine halves its speed from one round to the next; within a round the ratio stays.
    const rounds = [
      [1000, 900],
      [2000, 1800],
      [1500, 1500]
    ] as const
    const pairs = rounds.map(([base, here]) => ({
      base: measuresIn('engine', engineReport(base)),
      here: measuresIn('engine', engineReport(here))
    }))
    const [fold, ...others] = ratiosOf(pairs)
    assert.equal(fold?.figure, 'stages: fold, ns/trade')
    assert.deepEqual([fold.base, fold.here], [1500, 1500])
    assert.deepEqual([fold.least, fold.ratio, fold.most], [0.9, 0.9, 1])
    assert.ok(others.every(({ ratio }) => ratio === 1))
    const text = ratioTable('engine', [fold, ...others], { base: 'abc', here: 'def' })
    const [head = '', row = ''] = text.split('\n')
    assert.match(head, /^engine +abc +def +ratio +spread$/)
    assert.match(row, /^stages: fold, ns\/trade +1500 +1500 +0\.90 +0\.90 to 1\.00$/)
  })

  it('are of the figures that both have', () => {
    const base = measuresIn('pipeline', pipelineReport(20_000))
    const more = pipelineReport(30_000, 'b')
    more.runs[0]?.processes.push({ name: 'mongod', cpuSeconds: 1, rssMebibytes: 300 })
    const here = measuresIn('pipeline', more)
    const ratios = ratiosOf([{ base, here }])
    assert.deepEqual(
      ratios.map(({ figure, here: value, ratio }) => [figure, value, ratio]),
      [
        ['trades/s, more is better', 30_000, 1.5],
        ['consumer 1, CPU us/trade', 30, 1],
        ['consumer 1, MiB', 400, 1]
      ]
    )
    assert.notEqual(base.bars, here.bars)
  })

  it('are refused for reports of another form, and a check that does not hold is told', () => {
    assert.throws(() => measuresIn('engine', { holds: true }), /bench:engine: no sections found/)
    assert.throws(() => measuresIn('pipeline', []), /bench:pipeline: no report found/)
    const { problems } = measuresIn('engine', { ...engineReport(1), holds: false })
    assert.deepEqual(problems, ['its check does not hold'])
  })
})
