import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Engine } from '../../../../services/batch/src/lake/engine.ts'
import { temporaryFolder } from '../../../support/scope.ts'

it('gives sums of doubles the same bits each time by one thread', async (t) => {
  const lake = { dir: await temporaryFolder(t), memory: '1GB', threads: 4 }
  const engine = await Engine.open(lake)
  t.after(() => engine.close())
  await engine.keep(
    'moves',
    'select i % 8 as symbol, sin(i * 1.7) as x, cos(i * 0.3) as y from range(500000) numbers(i)'
  )
  await engine.useOneThread()
  const query = 'select symbol, corr(x, y) as c, avg(x) as m from moves group by symbol order by 1'
  const results = new Set<string>()
  for (let time = 0; time < 10; time++) results.add(JSON.stringify(await engine.rows(query)))
  assert.equal(results.size, 1)
})
