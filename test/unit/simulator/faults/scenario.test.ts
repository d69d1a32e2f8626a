import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { hasCode } from '@tapedeck/core'
import { BUILT_IN, FAULT_KINDS, readScenario, scenarioOf } from '@tapedeck/simulator/testing'

function aFile(t: TestContext, content: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tapedeck-scenario-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'scenario.json')
  writeFileSync(file, content)
  return file
}

describe('scenarioOf', () => {
  it('accepts every fault with every trigger', () => {
    const steps = [
      { do: 'refuse', status: 429, times: 2 },
      { when: { ms: 0 }, do: 'accept' },
      { when: { frames: 10 }, do: 'key', rule: 'kill' },
      { when: { connection: 2 }, do: 'limit', symbols: 2 },
      { when: { subscribed: 3 }, do: 'close', code: 4000, reason: 'why' },
      { when: { signal: 'go' }, do: 'cut' },
      { do: 'mute', pings: false },
      { do: 'unmute' },
      { do: 'freeze' },
      { do: 'thaw' },
      { do: 'send', text: 'x', times: 3 },
      { do: 'content', content: 'late-40m' },
      { do: 'repeat', times: 3, frames: 20 },
      { do: 'wait' }
    ]
    assert.deepEqual(scenarioOf({ steps }, 'mine'), { name: 'mine', about: '', steps })
    assert.deepEqual(new Set(steps.map((step) => step.do)), new Set(FAULT_KINDS))
  })

  it('names every mistake with its step', () => {
    const wrong = {
      title: 'x',
      name: 7,
      steps: [
        { do: 'explode' },
        { do: 'refuse' },
        { do: 'close', code: 1005, after: 3 },
        { do: 'cut', when: { frames: 0 } },
        { do: 'cut', when: { frames: 1, ms: 1 } },
        { do: 'cut', when: { never: 1 } },
        'cut',
        { do: 'content', content: 'nonsense' },
        { do: 'key', rule: 'loose', when: 5 }
      ]
    }
    assert.throws(
      () => scenarioOf(wrong, 'mine'),
      (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        for (const part of [
          /'title' is no field of a scenario/,
          /name is 7, expected a text/,
          /step 1: do is "explode", expected one of refuse, accept/,
          /step 2: status is not there, expected a whole number from 200 to 599/,
          /step 3: 'after' is no field of close, expected code, reason/,
          /step 3: code is 1005, expected 1000 to 1003/,
          /step 4: when\.frames is 0, expected a whole number from 1/,
          /step 5: when has 2 fields, expected one of frames, ms/,
          /step 6: 'never' is no trigger/,
          /step 7: found "cut", expected an object/,
          /step 8: content is "nonsense", expected one of conditions-absent/,
          /step 9: rule is "loose", expected one of share, kill, refuse/,
          /step 9: when is 5/
        ]) {
          assert.match(error.message, part)
        }
        return true
      }
    )
    for (const value of [null, [], 'x', {}, { steps: [] }, { steps: 'cut' }]) {
      assert.throws(() => scenarioOf(value, 'mine'), /Cannot play scenario 'mine'/)
    }
  })
})

describe('readScenario', () => {
  it('has a valid scenario for each fault by name', async () => {
    const names = BUILT_IN.map(({ name }) => name)
    assert.equal(new Set(names).size, names.length)
    for (const scenario of BUILT_IN) {
      assert.deepEqual(scenarioOf(scenario, 'built-in'), scenario)
      assert.equal(await readScenario(scenario.name), scenario)
    }
  })

  it('reads a file, and refuses a missing one and one that is no JSON', async (t) => {
    const file = aFile(t, '{"steps":[{"do":"cut"}]}')
    assert.deepEqual((await readScenario(file)).steps, [{ do: 'cut' }])
    for (const wrong of [aFile(t, '{'), '/does/not/exist']) {
      await assert.rejects(readScenario(wrong), /expected a JSON file or one of refused-401, /)
    }
  })
})
