import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { replaceAll } from '../../../libs/mongo/src/bulk.ts'

type Document = Record<string, unknown>

const BAR = { _id: 'AAPL|1m|0', symbol: 'AAPL', start: new Date(0) }

type Bars = Parameters<typeof replaceAll<typeof BAR>>[0]

/** A collection of which only the commands are wanted, since no mongos is at hand. */
function collectionAt(
  hello: Document,
  answers: Document[] = []
): { bars: Bars; filters: Document[] } {
  const filters: Document[] = []
  const command = async (sent: Document): Promise<Document> => {
    if ('hello' in sent) return hello
    const { documents } = sent['updates'] as { documents: Document[] }
    filters.push(...documents.map(({ q }) => q as Document))
    return answers.shift() ?? { n: documents.length, nModified: documents.length }
  }
  const bars = { collectionName: 'bars', db: { client: {}, command } }
  return { bars: bars as unknown as Bars, filters }
}

describe('the filter of a guarded replacement', () => {
  const mustStay = (): Document => ({ $eq: [1, 2] })
  const shardKey = ['symbol', 'start'] as const

  it('is the id alone on one server or a replica set', async () => {
    const { bars, filters } = collectionAt({ setName: 'rs0' })
    assert.equal(await replaceAll(bars, [BAR], mustStay, { shardKey }), 0)
    assert.deepEqual(filters, [{ _id: BAR._id }])
  })

  it('names the whole key where a mongos answers', async () => {
    const { bars, filters } = collectionAt({ msg: 'isdbgrid' })
    assert.equal(await replaceAll(bars, [BAR], mustStay, { shardKey }), 0)
    assert.deepEqual(filters, [{ ...BAR }])
  })

  it('is the id alone for a document that has another key than its id says', async () => {
    const refused = { n: 0, nModified: 0, writeErrors: [{ index: 0, code: 11_000, errmsg: '' }] }
    // The first refusal may be of another writer that inserted it at the same moment.
    const { bars, filters } = collectionAt({ msg: 'isdbgrid' }, [refused, refused])
    assert.equal(await replaceAll(bars, [BAR], mustStay, { shardKey }), 0)
    assert.deepEqual(filters, [{ ...BAR }, { ...BAR }, { _id: BAR._id }])
  })
})
