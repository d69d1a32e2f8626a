import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, messageOf } from '@tapedeck/core'
import { readArguments } from '../../../programs/chaos/arguments.ts'
import { VICTIMS } from '../../../programs/chaos/fault-plan.ts'

describe('the arguments of chaos', () => {
  it('are refused with every mistake named', () => {
    assert.throws(
      () => readArguments(['--kills', 'x', '--spare', 'broker,me', '--rate', '0']),
      (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        for (const mistake of ['--kills x', '--spare me', '--rate 0']) {
          assert.ok(messageOf(error).includes(mistake), mistake)
        }
        return true
      }
    )
    assert.throws(() => readArguments(['--spare', VICTIMS.join(',')]), /leaves nothing to kill/)
    assert.throws(() => readArguments(['--what']), /unknown option --what found/)
    assert.equal(readArguments(['--help']), 'help')
  })
})
