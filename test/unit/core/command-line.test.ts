import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { commandLine } from '@tapedeck/core'

const { usage, read } = commandLine({
  name: 'play',
  purpose: `Plays a tape${' as it was recorded'.repeat(6)}.`,
  forms: ['-- TAPE [--speed N]'],
  options: {
    speed: ['text', 'N', `times${' its recorded'.repeat(8)} speed`],
    json: ['flag', 'one JSON object']
  },
  settings: { SYMBOLS: 'what is played' },
  notes: 'A tape\n  is a file.',
  exits: ['played', 'failed', 'wrong arguments'],
  example: '-- tape.ndjson --speed 7',
  takesOperands: true,
  read: (given) => ({ tapes: given.operands, speed: given.text('speed'), json: given.flag('json') })
})

describe('commandLine()', () => {
  it('reads the options that it declares', () => {
    assert.deepEqual(read(['a', '--speed', '7']), { tapes: ['a'], speed: '7', json: false })
    assert.equal(read(['-h']), 'help')
    assert.throws(() => read(['--sped', '7']), /Cannot run play: .*did you mean --speed\?/)
  })

  it('prints every option, setting and exit code in lines that fit a terminal', () => {
    assert.equal(
      usage,
      `Plays a tape as it was recorded as it was recorded as it was recorded as it was recorded as it was recorded as
it was recorded.

  npm run play -- TAPE [--speed N]

  --speed N  times its recorded its recorded its recorded its recorded its recorded its recorded its recorded
             its recorded speed
  --json     one JSON object
  --help     this text

Settings, from the environment or .env (all: docs/configuration.md)
  SYMBOLS  what is played

A tape
  is a file.

Exit codes: 0 played, 1 failed, 2 wrong arguments.

Example
  npm run play -- tape.ndjson --speed 7
`
    )
  })
})
