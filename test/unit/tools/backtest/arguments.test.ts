import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { backtestCommand } from '@tapedeck/tools/testing'
import { hasCode } from '@tapedeck/core'

function mistakesOf(...args: string[]): string {
  let message = ''
  assert.throws(
    () => backtestCommand.read(args),
    (error) => {
      message = error instanceof Error ? error.message : ''
      return hasCode(error, 'CONFIG_INVALID')
    }
  )
  return message
}

describe('backtestCommand.read()', () => {
  it('expands a grid into every combination, several grids one after another', () => {
    const args = backtestCommand.read(['--file', 'a', '--grid', '1m:20,60:1,5;5s:60:12'])
    assert.ok(args !== 'help')
    assert.deepEqual(
      args.specs?.map(({ timeframe, lookback, horizon }) => ({ timeframe, lookback, horizon })),
      [
        { timeframe: '1m', lookback: 20, horizon: 1 },
        { timeframe: '1m', lookback: 20, horizon: 5 },
        { timeframe: '1m', lookback: 60, horizon: 1 },
        { timeframe: '1m', lookback: 60, horizon: 5 },
        { timeframe: '5s', lookback: 60, horizon: 12 }
      ]
    )
  })

  it('takes several lookbacks of one horizon, which FORECASTS cannot', () => {
    const args = backtestCommand.read(['--file', 'a', '--forecasts', '1m:20:1,1m:60:1'])
    assert.ok(args !== 'help')
    assert.equal(args.specs?.length, 2)
  })

  it('takes several tapes, symbols, a policy and a seed', () => {
    const args = backtestCommand.read(
      '--file a --file b --symbols X,Y,X --policy sip --seed 7 --json'.split(' ')
    )
    assert.deepEqual(args, {
      trades: { kind: 'files', files: ['a', 'b'] },
      symbols: ['X', 'Y'],
      specs: undefined,
      policy: 'sip',
      seed: 7,
      reportFolder: undefined,
      isJson: true
    })
  })

  it('names every mistake at once, with what was expected', () => {
    const command =
      '--grid 1m:2,20:1;1x:20:1;1m:20 --policy none --seed -1 --sybmols X stray --report'
    const message = mistakesOf(...command.split(' '))
    for (const part of [
      "--grid: '1m:20' is no grid",
      '--policy none found, expected feed, sip, all',
      '--seed -1 found',
      'unknown option --sybmols found',
      "'stray' found",
      '--report found without a value',
      'no trades are named, expected --file FILE'
    ]) {
      assert.ok(message.includes(part), `${part} in:\n${message}`)
    }
  })

  it('names each bad entry of forecasts and grids', () => {
    const bad = mistakesOf('--file', 'a', '--forecasts', '1m:2:1,7s:20:1,1m:20:0,1m')
    for (const entry of ['1m:2:1', '7s:20:1', '1m:20:0', "'1m' is no forecast"]) {
      assert.ok(bad.includes(entry), bad)
    }
    assert.match(mistakesOf('--file', 'a', '--grid', '1m:20:1,x'), /'1m:20:x' is no forecast/)
    const lookbacks = Array.from({ length: 201 }, (_, index) => index + 3).join(',')
    assert.match(mistakesOf('--file', 'a', '--grid', `1m:${lookbacks}:1`), /201 combinations/)
  })

  it('refuses both sources, half a range, a range backwards and both kinds of forecasts', () => {
    assert.match(mistakesOf('--file', 'a', '--from', '2026-03-10'), /expected one of them/)
    assert.match(mistakesOf('--from', '2026-03-10'), /--to is missing/)
    assert.match(mistakesOf('--from', '2026-03-10', '--to', '2026-03-09'), /expected not before/)
    assert.match(mistakesOf('--from', 'March', '--to', '2026-03-10'), /--from March found/)
    const both = mistakesOf('--file', 'a', '--grid', '1m:20:1', '--forecasts', '1m:20:1')
    assert.match(both, /--forecasts and --grid found/)
  })
})
