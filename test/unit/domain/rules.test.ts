import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readEnv } from '@tapedeck/core'
import { RULE_VARIABLES, rulesOf, type Rules } from '@tapedeck/domain'

const rules = (env: Readonly<Record<string, string>> = {}): Rules =>
  rulesOf(readEnv(env, RULE_VARIABLES))

describe('rulesOf()', () => {
  it('has defaults', () => {
    const { fold, forecasts } = rules()
    assert.deepEqual(fold, {
      timeframes: ['1s', '5s', '1m', '5m', '15m', '1h', '1d'],
      policy: 'feed',
      allowedDelayMs: 2000,
      latenessLimitMs: 86_400_000,
      futureLimitMs: 60_000,
      redelivered: 'drop'
    })
    assert.deepEqual(
      forecasts.map(({ timeframe, lookback, horizon }) => `${timeframe}:${lookback}:${horizon}`),
      ['1m:20:1', '1m:60:5', '5s:60:12']
    )
  })

  it('takes what is set', () => {
    const { fold, forecasts } = rules({
      TIMEFRAMES: '1m,5m',
      CONDITION_POLICY: 'sip',
      ALLOWED_DELAY: '5s',
      LATENESS_LIMIT: '1h',
      REDELIVERED: 'keep',
      FORECASTS: '5m:20:2'
    })
    assert.deepEqual(fold, {
      timeframes: ['1m', '5m'],
      policy: 'sip',
      allowedDelayMs: 5000,
      latenessLimitMs: 3_600_000,
      futureLimitMs: 60_000,
      redelivered: 'keep'
    })
    assert.deepEqual(
      forecasts.map(({ timeframe, lookback, horizon }) => [timeframe, lookback, horizon]),
      [['5m', 20, 2]]
    )
  })

  it('refuses what is no policy and no way with repeated trades', () => {
    assert.throws(() => rules({ CONDITION_POLICY: 'strict' }), /CONDITION_POLICY.*feed.*sip.*all/s)
    assert.throws(() => rules({ REDELIVERED: 'maybe' }), /REDELIVERED.*drop.*keep/s)
    for (const policy of ['feed', 'sip', 'all']) {
      assert.equal(rules({ CONDITION_POLICY: policy }).fold.policy, policy)
    }
  })

  it('forecasts only bars that are made', () => {
    const of = (timeframes: string): string[] =>
      rules({ TIMEFRAMES: timeframes }).forecasts.map(({ timeframe }) => timeframe)
    assert.deepEqual(of('1s'), [])
    assert.deepEqual(of('5s,1h'), ['5s'])
    assert.throws(() => rules({ TIMEFRAMES: '1s', FORECASTS: '1m:20:1,5s:60:12' }), {
      code: 'CONFIG_INVALID',
      message:
        "Cannot start: FORECASTS: '1m:20:1' needs bars of 1m, expected it in TIMEFRAMES\n" +
        "  FORECASTS: '5s:60:12' needs bars of 5s, expected it in TIMEFRAMES"
    })
  })
})
