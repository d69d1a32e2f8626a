import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TapedeckError } from '@tapedeck/core'
import { countIn, countInstructions } from '../../../programs/bench/engine-instructions.ts'

describe('the count of instructions', () => {
  it('is read from the last lines of cachegrind', () => {
    assert.equal(countIn('==7== \n==7== I   refs:      2,895,150,828\n'), 2_895_150_828)
  })

  it('is an error with what valgrind said when it ends without a count', () => {
    const isTold = (error: unknown): boolean =>
      error instanceof TapedeckError && error.message.includes('Illegal instruction')
    assert.throws(() => countIn('==7== Illegal instruction'), isTold)
  })

  it('says that valgrind is needed where it is not there', async (t) => {
    const { PATH } = process.env
    t.after(() => (process.env['PATH'] = PATH))
    process.env['PATH'] = ''
    await assert.rejects(
      countInstructions(10, ['1s'], () => undefined),
      /Cannot count instructions: .*ENOENT.*expected valgrind on PATH/
    )
  })
})
