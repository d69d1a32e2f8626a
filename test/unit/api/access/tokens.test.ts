import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withoutSecrets } from '@tapedeck/core'
import fc from 'fast-check'
import {
  includes,
  readTokens,
  SCOPES,
  tokenOf,
  TokenStore
} from '../../../../services/api/src/access/tokens.ts'

const SECRET = 'a-secret-of-the-test'

describe('readTokens()', () => {
  it('reads name, scope and secret; a secret may have colons', () => {
    const { tokens, problems } = readTokens(
      ['grafana:read:0123456789abcdef', ' ops:ADMIN:with:colons:0123456789 ', ''],
      'entry'
    )
    assert.deepEqual(problems, [])
    assert.deepEqual(
      tokens.map(({ name, scope }) => `${name} ${scope}`),
      ['grafana read', 'ops admin']
    )
    assert.equal(new TokenStore(tokens).find('with:colons:0123456789')?.name, 'ops')
  })

  it('names every mistake by its number, and repeats nothing of it', () => {
    const { problems } = readTokens(
      [
        SECRET,
        `${SECRET}:read`,
        `read:viewer:${SECRET}`,
        `viewer:${SECRET}:read`,
        `:read:${SECRET}`,
        `viewer:read:${SECRET} x`
      ],
      'line'
    )
    assert.equal(problems.length, 6)
    problems.forEach((problem, index) => {
      assert.match(problem, new RegExp(`^line ${index + 1} .*, expected name:scope:secret`))
      assert.ok(!problem.includes(SECRET))
    })
    assert.match(problems[3] ?? '', /has another scope and has a shorter secret/)
  })

  it('refuses two tokens of one name or of one secret, and more than can be compared', () => {
    const entry = (name: string, index = 0) => `${name}:read:0123456789abcdef${index}`
    assert.match(readTokens([entry('a'), entry('a', 1)], 'entry').problems.join(), /one name/)
    assert.match(readTokens([entry('a'), entry('b')], 'entry').problems.join(), /one secret/)
    const many = Array.from({ length: 101 }, (_, index) => entry(`n${index}`, index))
    assert.match(readTokens(many, 'entry').problems.join(), /101 tokens found, expected 100/)
  })

  it('never repeats a text that it refuses', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 12 }), { maxLength: 5 }), (entries) => {
        for (const problem of readTokens(entries, 'entry').problems) {
          for (const entry of entries)
            assert.ok(!problem.includes(entry.trim()) || entry.trim() === '')
        }
      })
    )
  })

  it('keeps a secret out of the log from then on', () => {
    readTokens(['one:read:never-to-be-shown-1'], 'entry')
    assert.equal(withoutSecrets('x never-to-be-shown-1 y'), 'x [secret] y')
  })
})

describe('scopes', () => {
  it('include those before them', () => {
    const table = SCOPES.map((scope) => SCOPES.filter((other) => includes(scope, other)))
    assert.deepEqual(table, [['read'], ['read', 'write'], ['read', 'write', 'admin']])
  })
})

describe('TokenStore', () => {
  const [viewer, ops] = [tokenOf('viewer', 'read', SECRET), tokenOf('ops', 'write', `${SECRET}2`)]

  it('finds a token by its whole secret only', () => {
    const store = new TokenStore([viewer, ops])
    assert.equal(store.find(SECRET), viewer)
    for (const other of ['', SECRET.slice(1), `${SECRET} `, SECRET.toUpperCase()]) {
      assert.equal(store.find(other), undefined)
    }
    assert.deepEqual(
      SCOPES.map((scope) => store.hasFor(scope)),
      [true, true, false]
    )
  })

  it('tells when tokens were replaced: a token may be withdrawn, or allow less', () => {
    const store = new TokenStore([viewer, ops])
    let told = 0
    store.listen(() => told++)
    store.replace([tokenOf('other name', 'read', `${SECRET}2`)])
    assert.equal(told, 1)
    assert.ok(!store.stillAllows(viewer, 'read'))
    assert.ok(store.stillAllows(ops, 'read'))
    assert.ok(!store.stillAllows(ops, 'write'))
    assert.equal(store.find(SECRET), undefined)
  })
})
