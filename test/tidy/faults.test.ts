import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'

const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')

/** The rows of the tables whose last column is `shown by`, without those of the feed's scenarios. */
const rows = read('docs/faults.md')
  .split('\n')
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  .filter((cells) => cells.length > 3 && !/^(-+|shown by|reaction)$/.test(cells.at(-2) ?? ''))
  .filter((cells) => (cells.at(-2) ?? '').startsWith('`test/'))

describe('docs/faults.md', () => {
  it('has a row for each reported fault and each fault of a stack', () => {
    const sections = read('docs/faults.md').split(/^## /m).slice(1, 3)
    const lines = sections.flatMap((section) =>
      section.split('\n').filter((line) => /^\| (?!-|input|fault)/.test(line))
    )
    assert.ok(lines.length > 25)
    assert.deepEqual(lines.length, rows.length, 'a row names no test')
  })

  it('names tests that there are', () => {
    const missing = rows.flatMap((cells) =>
      [...(cells.at(-2) ?? '').matchAll(/`(test\/[^`]+)` "([^"]+)"/g)]
        // A title that goes on with a value ends with three dots here.
        .filter(([, file = '', title = '']) => {
          const text = existsSync(path.join(root, file)) ? read(file) : ''
          return !text.includes(title.replace(/…$/, ''))
        })
        .map(([found]) => found)
    )
    assert.deepEqual(missing, [])
  })

  it('names each test with its title', () => {
    const without = rows
      .map((cells) => cells.at(-2) ?? '')
      .filter((cell) => !/^(`test\/[^`]+` "[^"]+"(, )?)+$/.test(cell))
    assert.deepEqual(without, [])
  })
})
