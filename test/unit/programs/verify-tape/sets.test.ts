import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { hasCode } from '@tapedeck/core'
import { findSets } from '../../../programs/verify-tape/sets.ts'

function aFolder(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tapedeck-sets-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  return folder
}

describe('findSets()', () => {
  it('takes tapes that have reference bars, frames with those of their trades', async (t) => {
    const files = [
      'b.ndjson.gz',
      'b.bars1m.csv.gz',
      'x-frames.ndjson.gz',
      'x-flat.bars1m.csv.gz',
      'lone.ndjson'
    ]
    const folder = aFolder(t, Object.fromEntries(files.map((name) => [name, ''])))
    const names = (await findSets(folder)).map(({ name }) => name)
    assert.deepEqual(names, ['b', 'x-frames'])
  })

  it('says what is missing where there is nothing', async (t) => {
    const folder = aFolder(t, { 'lone.ndjson': '' })
    for (const place of [folder, path.join(folder, 'none')]) {
      await assert.rejects(findSets(place), (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        assert.match(String(error), /no recorded tapes in/)
        return true
      })
    }
  })
})
