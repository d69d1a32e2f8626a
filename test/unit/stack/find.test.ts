import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TapedeckError } from '@tapedeck/core'
import { firstFound, notThere, type Step } from '@tapedeck/stack/testing'

const options = { signal: new AbortController().signal, remedy: 'Set THING' }
const has = (name: string): Step<string> => ({ name, find: () => Promise.resolve(name) })
const lacks = (name: string, reason: string): Step<string> => ({
  name,
  find: () => Promise.reject(notThere(reason))
})

describe('firstFound()', () => {
  it('returns the first step that finds it, with the reasons of the earlier ones', async () => {
    const found = await firstFound('it', [lacks('a', 'not set'), has('b'), has('c')], options)
    assert.deepEqual(found, { value: 'b', from: 'b', reasons: ['a: not set'] })
  })

  it('runs no step after the one that finds it', async () => {
    const asked: string[] = []
    const note = (step: Step<string>): Step<string> => ({
      name: step.name,
      find: (signal) => {
        asked.push(step.name)
        return step.find(signal)
      }
    })
    await firstFound('it', [lacks('a', ''), has('b'), has('c')].map(note), options)
    assert.deepEqual(asked, ['a', 'b'])
  })

  it('names every reason and the remedy when no step finds it', async () => {
    await assert.rejects(firstFound('it', [lacks('a', 'not set'), lacks('b', 'old')], options), {
      code: 'SERVER_MISSING',
      message: 'Cannot find it:\n  - a: not set\n  - b: old\n  Set THING'
    })
  })

  it('reports a failed fetch at once and continues', async () => {
    const told: string[] = []
    const progress = { say: () => undefined, warn: (text: string) => void told.push(text) }
    const failing: Step<string> = {
      name: 'net',
      find: () => Promise.reject(new TapedeckError('DOWNLOAD_FAILED', 'no way'))
    }
    const found = await firstFound('it', [failing, has('b')], { ...options, progress })
    assert.equal(found.value, 'b')
    assert.deepEqual(told, ['it, net: no way'])
  })

  it('stops after an abort', async () => {
    const stopping = new AbortController()
    const aborting: Step<string> = {
      name: 'a',
      find: () => {
        stopping.abort()
        return Promise.reject(notThere('stopped'))
      }
    }
    await assert.rejects(
      firstFound('it', [aborting, has('b')], { ...options, signal: stopping.signal }),
      { code: 'ABORTED' }
    )
  })
})
