import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { continuations } from '../../../services/batch/src/continuations.ts'

function steps() {
  const begun: { readonly run: string; readonly tasks: readonly string[] }[] = []
  const ends: ((error?: Error) => void)[] = []
  const goOn = continuations(({ _id }: { _id: string; round: number }, tasks) => {
    begun.push({ run: _id, tasks: [...tasks] })
    return new Promise<void>((resolve, reject) => {
      ends.push((error) => (error === undefined ? resolve() : reject(error)))
    })
  })
  return { begun, ends, goOn }
}

const A = { _id: 'a', round: 0 }
const B = { _id: 'b', round: 0 }

describe('continuations', () => {
  it('gives the tasks that end during a step one step after it, and each run its own', async () => {
    const { begun, ends, goOn } = steps()
    const first = goOn(A, '1')
    await turn()
    const rest = [goOn(A, '2'), goOn(A, '3')]
    void goOn(B, '1')
    await turn()
    assert.deepEqual(begun, [
      { run: 'a', tasks: ['1'] },
      { run: 'b', tasks: ['1'] }
    ])
    ends[0]?.()
    await first
    await turn()
    assert.deepEqual(begun[2], { run: 'a', tasks: ['2', '3'] })
    ends[2]?.()
    await Promise.all(rest)
  })

  it('tells of a step that failed those that shared it, and takes the next one', async () => {
    const { begun, ends, goOn } = steps()
    const first = goOn(A, '1')
    await turn()
    const second = goOn(A, '2')
    ends[0]?.(new Error('away'))
    await assert.rejects(first, /away/)
    await turn()
    assert.deepEqual(begun[1], { run: 'a', tasks: ['2'] })
    ends[1]?.()
    await second
    void goOn(A, '3')
    await turn()
    assert.deepEqual(begun[2], { run: 'a', tasks: ['3'] })
  })
})
