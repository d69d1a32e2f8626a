import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { columnsNamed, type Column } from '@tapedeck/table'

const column = (name: string): Column => ({ name, kind: 'text', isNullable: false })

describe('columnsNamed()', () => {
  it('has the columns in the order of the names, each once', () => {
    const columns = ['id', 'price', 'size'].map(column)
    const found = columnsNamed(columns, ['price', 'id', 'prize', 'price'])
    assert.deepEqual(found, [column('price'), column('id')])
  })
})
