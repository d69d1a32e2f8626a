import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMetrics } from '@tapedeck/service'
import { batchMetrics } from '../../../services/batch/src/metrics.ts'

type Ended = Parameters<ReturnType<typeof batchMetrics>['ended']>[0]['ended'][number]

describe('batchMetrics()', () => {
  it('counts attempts, runs and what waits', async () => {
    const metrics = createMetrics()
    const counted = batchMetrics(metrics)
    counted.attemptBegan()
    counted.attemptBegan()
    counted.attemptEnded('failed', 2)
    counted.ended({ ended: [{ run: { job: 'nightly' } as Ended['run'], state: 'failed' }] })
    counted.waiting({ lost: 3, ready: 4, oldestReadyMs: 1500 })
    const { body } = await metrics.expose()
    const lines = body.split('\n').filter((line) => line.startsWith('tapedeck_batch_'))
    for (const expected of [
      'tapedeck_batch_tasks_running 1',
      'tapedeck_batch_attempts_total{result="failed"} 1',
      'tapedeck_batch_attempt_seconds_bucket{le="1"} 0',
      'tapedeck_batch_attempt_seconds_bucket{le="5"} 1',
      'tapedeck_batch_runs_total{job="nightly",state="failed"} 1',
      'tapedeck_batch_tasks_lost_total 3',
      'tapedeck_batch_tasks_ready 4',
      'tapedeck_batch_oldest_ready_seconds 1.5'
    ]) {
      assert.ok(lines.includes(expected), `${expected} in\n${lines.join('\n')}`)
    }
  })
})
