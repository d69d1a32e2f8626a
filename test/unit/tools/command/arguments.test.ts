import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { auditCommand, backtestCommand, reprocessCommand } from '@tapedeck/tools/testing'
import { hasCode } from '@tapedeck/core'

const READERS = {
  audit: auditCommand.read,
  reprocess: reprocessCommand.read,
  backtest: backtestCommand.read
} as const

function mistakesOf(command: keyof typeof READERS, line: string): string {
  let message = ''
  assert.throws(
    () => READERS[command](line.split(' ')),
    (error) => {
      message = error instanceof Error ? error.message : ''
      return hasCode(error, 'CONFIG_INVALID')
    }
  )
  return message
}

describe('arguments of the commands', () => {
  for (const [command, line, twice] of [
    ['audit', '--date 2026-03-10 --date 2026-03-11', '--date'],
    ['audit', '--date 2026-03-10 --all --json --all', '--all'],
    ['reprocess', '--from 2026-03-10 --to 2026-03-10 --policy sip --policy all', '--policy'],
    ['reprocess', '--from 2026-03-10 --to 2026-03-10 --swap --swap', '--swap'],
    ['backtest', '--file a --seed 1 --seed 2', '--seed'],
    ['backtest', '--file a --json --json', '--json']
  ] as const) {
    it(`${command} refuses ${twice} twice`, () => {
      const message = mistakesOf(command, line)
      assert.ok(message.includes(`${twice} found twice, expected it once`), message)
    })
  }

  it('refuse a flag with a value', () => {
    const line = '--from 2026-03-10 --to 2026-03-10 --swap=no'
    assert.match(mistakesOf('reprocess', line), /--swap=no found, expected --swap alone/)
  })

  it('are read into dates, lists and flags', () => {
    const line =
      '--from 2026-03-10 --to=2026-03-10T14:00Z --symbols A,B,A --timeframes 1m,1d --swap'
    assert.deepEqual(reprocessCommand.read(line.split(' ')), {
      from: { date: '2026-03-10' },
      to: { ms: Date.UTC(2026, 2, 10, 14) },
      symbols: ['A', 'B'],
      policy: undefined,
      timeframes: ['1m', '1d'],
      source: 'trades',
      includeLate: false,
      isSwap: true,
      isForced: false,
      isSure: false,
      isAll: false,
      isJson: false
    })
    assert.equal(auditCommand.read(['-h']), 'help')
  })

  it('name every mistake at once', () => {
    const message = mistakesOf('audit', '--date 2026-03-10T14:00Z --timeframes 1x --what stray')
    for (const part of ['expected a date such as', '--timeframes:', 'option --what', "'stray'"]) {
      assert.ok(message.includes(part), message)
    }
  })
})
