import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, messageOf } from '@tapedeck/core'
import { chaosCommand } from '../../../programs/chaos/arguments.ts'
import { VICTIMS } from '../../../programs/chaos/fault-plan.ts'

describe('the arguments of chaos', () => {
  it('are refused with every mistake named', () => {
    assert.throws(
      () => chaosCommand.read(['--kills', 'x', '--spare', 'broker,me', '--rate', '0']),
      (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        for (const mistake of ['--kills x', '--spare me', '--rate 0']) {
          assert.ok(messageOf(error).includes(mistake), mistake)
        }
        return true
      }
    )
    assert.throws(() => chaosCommand.read(['--spare', VICTIMS.join(',')]), /leaves nothing to kill/)
    assert.throws(() => chaosCommand.read(['--what']), /unknown option --what found/)
    assert.equal(chaosCommand.read(['--help']), 'help')
  })
})
