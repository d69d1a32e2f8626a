import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, messageOf } from '@tapedeck/core'
import { compareCommand } from '../../../programs/bench/compare-arguments.ts'

describe('the arguments of bench:compare', () => {
  it('are a commit and what to run', () => {
    const usual = compareCommand.read(['main'])
    assert.ok(usual !== 'help')
    assert.equal(usual.commit, 'main')
    assert.deepEqual(usual.benches, ['engine', 'pipeline'])
    assert.deepEqual([usual.rounds, usual.isJson], [3, false])
    const given = compareCommand.read(
      '--only pipeline --rounds 5 --pipeline-trades 5000 v1 --json'.split(' ')
    )
    assert.ok(given !== 'help')
    assert.equal(given.commit, 'v1')
    assert.deepEqual(given.benches, ['pipeline'])
    assert.deepEqual([given.rounds, given.isJson], [5, true])
    assert.equal(given.load.pipelineTrades, 5000)
    assert.equal(compareCommand.read(['--help']), 'help')
  })

  it('are refused with every mistake named', () => {
    assert.throws(
      () => compareCommand.read(['--rounds', '0', '--only', 'api']),
      (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        for (const mistake of ['no commit found', '--rounds 0', '--only api']) {
          assert.ok(messageOf(error).includes(mistake), mistake)
        }
        return true
      }
    )
    assert.throws(() => compareCommand.read(['a', 'b']), /'b' found, expected one commit/)
  })
})
