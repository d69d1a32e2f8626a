import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readConfig } from '@tapedeck/api/testing'

const read = (METRICS_URLS: string) =>
  readConfig({ MONGODB_URI: 'mongodb://unused', METRICS_URLS }).metricsUrls

describe('METRICS_URLS', () => {
  it('names services, each as often as it has processes', () => {
    assert.deepEqual(read(''), [])
    assert.deepEqual(
      read(
        'producer=http://a:9101/metrics, consumer=https://b/metrics?x=1,consumer=http://[::1]:2/'
      ),
      [
        { service: 'producer', url: 'http://a:9101/metrics' },
        { service: 'consumer', url: 'https://b/metrics?x=1' },
        { service: 'consumer', url: 'http://[::1]:2/' }
      ]
    )
  })

  it('says what does not fit, and repeats no credentials', () => {
    for (const [given, expected] of [
      ['http://a:9101/metrics', /'http:\/\/a:9101\/metrics', expected service=url/],
      ['producer=a:9101', /URL of producer that does not fit, expected one that begins with http/],
      ['producer=ftp://a/', /begins with http:\/\/ or https:\/\//],
      [
        'producer=http://ada:secret@a/metrics',
        /^(?!.*secret).*with credentials, expected one without/
      ],
      ['producer=http://a/,,', /has '', expected service=url/],
      [Array.from({ length: 51 }, () => 'a=http://a/').join(','), /51 entries, expected 50 at most/]
    ] as const) {
      assert.throws(() => read(given), { code: 'CONFIG_INVALID', message: expected })
    }
  })
})
