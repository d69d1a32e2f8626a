import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMetrics, parseMetrics } from '@tapedeck/service'
import fc from 'fast-check'

describe('parseMetrics()', () => {
  it('reads the example of the format', () => {
    const text = `# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

something_weird{problem="division by zero"} +Inf -3982045
http_request_duration_seconds_bucket{le="0.05"} 24054
no value
`
    assert.deepEqual(parseMetrics(text), [
      { name: 'http_requests_total', labels: { method: 'post', code: '200' }, value: 1027 },
      { name: 'http_requests_total', labels: { method: 'post', code: '400' }, value: 3 },
      {
        name: 'msdos_file_access_time_seconds',
        labels: { path: 'C:\\DIR\\FILE.TXT', error: 'Cannot find file:\n"FILE.TXT"' },
        value: 1_458_255_915
      },
      { name: 'metric_without_timestamp_and_labels', labels: {}, value: 12.47 },
      { name: 'something_weird', labels: { problem: 'division by zero' }, value: Infinity },
      { name: 'http_request_duration_seconds_bucket', labels: { le: '0.05' }, value: 24_054 }
    ])
  })

  it('reads back what a service exposes, whatever its labels hold', async () => {
    const value = fc.oneof(fc.double({ noDefaultInfinity: false, noNaN: false }), fc.integer())
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ unit: 'grapheme' }), value, { minKeys: 1, maxKeys: 5 }),
        async (given) => {
          const metrics = createMetrics()
          const gauge = metrics.gauge('some', 'Some values', ['reason', 'other'])
          for (const [reason, one] of Object.entries(given))
            gauge.set({ reason, other: '} 1' }, one)
          const found = parseMetrics((await metrics.expose()).body)
          assert.deepEqual(
            new Map(
              found
                .filter(({ name }) => name === 'tapedeck_some')
                .map(({ labels: { reason, other }, value: read }) => [
                  `${reason}${other}`,
                  read + 0
                ])
            ),
            new Map(Object.entries(given).map(([reason, one]) => [`${reason}} 1`, one + 0]))
          )
        }
      ),
      { numRuns: 50, examples: [[{ '': NaN }], [{ a: Infinity, b: -Infinity }]] }
    )
  })
})
