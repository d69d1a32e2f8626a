import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { keepLease } from '../../../services/batch/src/task-lease.ts'
import { eventually } from '../../support/eventually.ts'

describe('keepLease()', { timeout: 30_000 }, () => {
  it('is lost when it is told so', async () => {
    const lease = keepLease(300, () => Promise.resolve(false))
    await once(lease.lost, 'abort')
    lease.release()
  })

  it('is lost when nobody answers for its length, and not before', async () => {
    const beganMs = performance.now()
    const lease = keepLease(300, () => Promise.reject(new Error('away')))
    await once(lease.lost, 'abort')
    assert.ok(performance.now() - beganMs >= 295)
    lease.release()
  })

  it('is kept while it is extended', async () => {
    let extensions = 0
    const lease = keepLease(300, () => Promise.resolve(++extensions > 0))
    await eventually(() => assert.ok(extensions >= 5))
    assert.equal(lease.lost.aborted, false)
    lease.release()
  })
})
