import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  choice,
  duration,
  flag,
  hasCode,
  optional,
  readEnv,
  secret,
  text,
  url,
  whole
} from '@tapedeck/core'

function read(found: string): number {
  return readEnv({ D: found }, { D: duration(undefined) }).D
}

describe('readEnv()', () => {
  it('names every mistake at once, with what was found and what is expected', () => {
    assert.throws(
      () =>
        readEnv(
          { PORT: 'high', MODE: 'fast', WAIT: '10', ADDRESS: 'http://x' },
          {
            PORT: whole(80, 0, 65_535),
            MODE: choice('slow', ['slow', 'steady']),
            WAIT: duration(1000),
            ADDRESS: url(undefined, ['ws:', 'wss:']),
            NAME: text()
          }
        ),
      (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        assert.match(error.message, /PORT is 'high', expected a whole number from 0 to 65535/)
        assert.match(error.message, /MODE is 'fast', expected one of slow, steady/)
        assert.match(error.message, /WAIT is '10', expected a duration such as/)
        assert.match(error.message, /ADDRESS is 'http:\/\/x', expected a URL that begins with ws:/)
        assert.match(error.message, /NAME is not set, expected a text/)
        return true
      }
    )
  })

  it('takes an empty value as not set', () => {
    assert.deepEqual(readEnv({ PORT: ' ' }, { PORT: whole(80, 0, 99) }), { PORT: 80 })
  })

  it('reads durations in every unit as milliseconds', () => {
    assert.deepEqual(
      ['250ms', '10s', '5m', '24h', '7d'].map(read),
      [250, 10_000, 300_000, 86_400_000, 604_800_000]
    )
  })

  it('leaves an optional variable undefined and accepts the usual spellings of a flag', () => {
    const shape = { TOKEN: optional(secret()), ON: flag(false), OFF: flag(true) }
    const values = readEnv({ ON: 'Yes', OFF: '0' }, shape)
    assert.deepEqual(values, { TOKEN: undefined, ON: true, OFF: false })
  })

  it('never shows a secret, neither in an error nor when logged', () => {
    const values = readEnv({ TOKEN: 'abc123' }, { TOKEN: secret() })
    assert.equal(values.TOKEN.reveal(), 'abc123')
    assert.doesNotMatch(`${JSON.stringify(values)} ${values.TOKEN.toString()}`, /abc123/)
    const refusing = { ...secret(), parse: () => undefined }
    assert.throws(
      () => readEnv({ TOKEN: 'abc123' }, { TOKEN: refusing }),
      (error) => error instanceof Error && !error.message.includes('abc123')
    )
  })
})
