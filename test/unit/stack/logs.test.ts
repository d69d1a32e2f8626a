import assert from 'node:assert/strict'
import { appendFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { followLog, limitedWarn, problemIn, searchLog } from '@tapedeck/stack/testing'
import { temporaryFolder } from '../../support/scope.ts'
import { until } from '../../support/until.ts'

describe('problemIn()', () => {
  it('returns the message of warnings and errors, and nothing of the rest', () => {
    assert.equal(problemIn('{"level":"info","msg":"fine"}'), undefined)
    assert.equal(problemIn('{"level":"warn","msg":"slow"}'), 'slow')
    const line = '{"level":"error","msg":"lost","err":{"message":"gone","code":"TIMED_OUT"}}'
    assert.equal(problemIn(line), 'lost: gone (TIMED_OUT)')
    assert.equal(problemIn('{"level":"warn" and no JSON'), undefined)
  })

  it('adds the field that says why', () => {
    const line = (fields: object): string =>
      JSON.stringify({ level: 'warn', msg: 'said', ...fields })
    assert.equal(problemIn(line({ cause: 'closed with code 1006' })), 'said: closed with code 1006')
    assert.equal(
      problemIn(line({ reason: 'price is not a number', count: 3 })),
      'said: price is not a number'
    )
    assert.equal(problemIn(line({ message: 'Invalid symbol' })), 'said: Invalid symbol')
    assert.equal(problemIn(line({ cause: { deep: true } })), 'said')
  })

  it('says a reason once that stands in the messages of an error and of its cause', () => {
    const message =
      'Cannot write: refused 127.0.0.1:27117: refused 127.0.0.1:27117: refused 127.0.0.1:27117'
    const line = JSON.stringify({ level: 'warn', msg: 'trying again', err: { message } })
    assert.equal(problemIn(line), 'trying again: Cannot write: refused 127.0.0.1:27117')
    const found = 'The answer took longer than 2500 ms'
    const said = `Cannot reach MongoDB: ${found}, expected a server at MONGODB_URI`
    const err = { message: `${said}: ${found}` }
    assert.equal(problemIn(JSON.stringify({ level: 'warn', msg: said, err })), said)
  })

  it('shows the line of a crash that says what happened', () => {
    assert.equal(problemIn('Error: Cannot find module x'), 'Error: Cannot find module x')
    assert.equal(problemIn('    at resolve (node:internal/modules:1:2)'), undefined)
    assert.equal(problemIn('Node.js v24.21.0'), undefined)
  })
})

describe('followLog()', () => {
  it('prints what is written, unless its cause becomes known right after', async (t) => {
    const file = path.join(await temporaryFolder(t), 'producer.log')
    await writeFile(file, '')
    const lines: string[] = []
    const progress = { say: () => undefined, warn: (text: string) => lines.push(text) }
    let isExplained = false
    const log = followLog('producer', { path: file, begin: 0 }, progress, () => isExplained)
    const write = async (msg: string): Promise<void> => {
      await appendFile(file, `{"level":"warn","msg":"${msg}"}\n`)
      await until(`${msg} is read`, () => log.lastProblem() === msg)
    }
    // The end of the server is seen only after the complaint.
    await write('feed disconnected')
    isExplained = true
    await write('connecting again')
    await log.stop()
    assert.deepEqual(lines, [])

    isExplained = false
    const next = followLog('producer', { path: file, begin: 0 }, progress, () => isExplained)
    await until('it is printed', () => lines.length === 2)
    await appendFile(file, '{"level":"error","msg":"the last word"}\n')
    await next.stop()
    assert.deepEqual(lines, [
      'producer: feed disconnected',
      'producer: connecting again',
      'producer: the last word'
    ])
  })
})

describe('limitedWarn()', () => {
  it('leaves out what differs from an earlier line in numbers alone', () => {
    const lines: string[] = []
    const warn = limitedWarn({ say: () => undefined, warn: (text) => lines.push(text) }, 'more')
    for (let partition = 0; partition < 6; partition++) {
      warn(`partition ${partition} lost: found topic e0c9f790, expected 2bdd53fc`)
    }
    warn('feed disconnected')
    assert.deepEqual(lines, [
      'partition 0 lost: found topic e0c9f790, expected 2bdd53fc',
      'feed disconnected'
    ])
  })

  it('writes ten lines in ten seconds and says where the rest is', () => {
    const lines: string[] = []
    const warn = limitedWarn({ say: () => undefined, warn: (text) => lines.push(text) }, 'more')
    const letters = 'ghijklmnopqr'
    for (const letter of letters) warn(`trouble ${letter}`)
    assert.equal(lines.length, 11)
    assert.equal(lines.at(-1), 'more')
  })
})

describe('searchLog()', () => {
  it('finds a line of this run alone, however much was written after it and wherever a look ended', async (t) => {
    const file = path.join(await temporaryFolder(t), 'server.log')
    await writeFile(file, 'Waiting for connections, in the run before\n')
    const { size } = await stat(file)
    const hasStarted = searchLog({ path: file, begin: size }, 'Waiting for connections')
    assert.equal(await hasStarted(), false)
    await appendFile(file, 'starting\nWaiting for ')
    assert.equal(await hasStarted(), false)
    await appendFile(file, `connections\n${'a client came\n'.repeat(50_000)}`)
    assert.equal(await hasStarted(), true)
    assert.equal(await hasStarted(), true)
  })
})
