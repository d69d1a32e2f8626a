import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TapedeckError } from '@tapedeck/core'
import { dueOccurrences, nextOccurrences, readSchedules, type Schedule } from '@tapedeck/domain'
import fc from 'fast-check'

const NOW = Date.parse('2026-11-29T12:00:00Z')
const DAY_MS = 86_400_000

function aSchedule(rule: object, more: object = {}): Schedule {
  const [schedule] = readSchedules(JSON.stringify({ one: { job: 'load', ...rule, ...more } }), NOW)
  assert.ok(schedule !== undefined)
  return schedule
}

/** The next times after a moment, as ISO texts without seconds. */
function timesOf(rule: object, after: string, count: number): string[] {
  return nextOccurrences(aSchedule(rule), Date.parse(after), count).map((ms) =>
    new Date(ms).toISOString().replace(':00.000Z', 'Z')
  )
}

function mistakesOf(schedules: unknown): string[] {
  try {
    const text = typeof schedules === 'string' ? schedules : JSON.stringify(schedules)
    readSchedules(text, NOW)
  } catch (error) {
    assert.ok(error instanceof TapedeckError && error.code === 'CONFIG_INVALID', String(error))
    return error.message.replace('Cannot read the schedules: ', '').split('\n  ')
  }
  return []
}

/** The one mistake of a rule. */
function mistakeOf(rule: object): string | undefined {
  const found = mistakesOf({ one: { job: 'load', ...rule } })
  assert.ok(found.length <= 1, found.join('\n'))
  return found[0]?.replace("schedules.json, schedule 'one': ", '')
}

const NEW_YORK = { tz: 'America/New_York' }
const RULES: readonly object[] = [
  { every: '15s' },
  { every: '7h' },
  { cron: '0 2 * * *' },
  { cron: '0 2 * * WED#2', tz: 'America/New_York' },
  { cron: '*/20 1-3 * * *', tz: 'Europe/London' },
  { sun: 'sunrise', lat: 51.5, lon: -0.1 },
  { sun: 'dusk', lat: 78.2, lon: 15.6, offset: '-1h' },
  { sun: 'midnight', lat: -36.8, lon: 174.8, offset: '24h' },
  { market: 'open' },
  { market: 'close', offset: '30m' },
  { market: 'post_end', offset: '-24h' }
]
const schedules = fc.constantFrom(...RULES).map((rule) => aSchedule(rule))
const moments = fc.integer({ min: Date.parse('2024-01-01'), max: Date.parse('2030-01-01') })

describe('nextOccurrences()', () => {
  it('ascends, is always later than the moment, and goes on where it stopped', () => {
    fc.assert(
      fc.property(schedules, moments, fc.integer({ min: 1, max: 5 }), (schedule, after, at) => {
        const all = nextOccurrences(schedule, after, 6)
        assert.equal(all.length, 6)
        assert.ok(all.every((ms, index) => ms > (all[index - 1] ?? after)))
        assert.deepEqual(nextOccurrences(schedule, all[at - 1] ?? 0, 6 - at), all.slice(at))
        // Nothing lies between.
        assert.deepEqual(nextOccurrences(schedule, (all[at] ?? 0) - 1, 1), [all[at]])
        assert.deepEqual(nextOccurrences(schedule, (all[at - 1] ?? 0) + 1, 1), [all[at]])
      }),
      { numRuns: 200 }
    )
  })

  it('fires every so often, counted from 1970', () => {
    assert.deepEqual(timesOf({ every: '15m' }, '2026-11-29T12:00:00Z', 2), [
      '2026-11-29T12:15Z',
      '2026-11-29T12:30Z'
    ])
    assert.deepEqual(timesOf({ every: '24h' }, '2026-11-29T12:00:00Z', 1), ['2026-11-30T00:00Z'])
  })

  it('knows the second Wednesday, the last Friday, the last day and the nearest weekday', () => {
    const after = '2026-11-29T00:00:00Z'
    const cron = (text: string, count = 2) => timesOf({ cron: text, ...NEW_YORK }, after, count)
    assert.deepEqual(cron('0 2 * * WED#2'), ['2026-12-09T07:00Z', '2027-01-13T07:00Z'])
    assert.deepEqual(cron('0 17 * * FRI#L'), ['2026-12-25T22:00Z', '2027-01-29T22:00Z'])
    assert.deepEqual(cron('0 17 L * *'), ['2026-11-30T22:00Z', '2026-12-31T22:00Z'])
    assert.deepEqual(cron('0 17 15W 5 *', 1), ['2027-05-14T21:00Z'])
    assert.deepEqual(cron('*/30 0 9 1 1 *', 2), ['2027-01-01T14:00Z', '2027-01-01T14:00:30.000Z'])
  })

  it('fires when the skipped hour ends, and once in the hour that comes twice', () => {
    const daily = { cron: '30 2 * * *', ...NEW_YORK }
    assert.deepEqual(timesOf(daily, '2026-03-07T12:00:00Z', 2), [
      '2026-03-08T07:00Z',
      '2026-03-09T06:30Z'
    ])
    assert.deepEqual(timesOf({ cron: '30 1,13 * * *', ...NEW_YORK }, '2026-11-01T04:00:00Z', 3), [
      '2026-11-01T05:30Z',
      '2026-11-01T18:30Z',
      '2026-11-02T06:30Z'
    ])
  })

  it('fires in both hours where the rule has a step, and not in the skipped one', () => {
    const halves = { cron: '*/30 * * * *', ...NEW_YORK }
    assert.deepEqual(timesOf(halves, '2026-11-01T05:00:00Z', 4), [
      '2026-11-01T05:30Z',
      '2026-11-01T06:00Z',
      '2026-11-01T06:30Z',
      '2026-11-01T07:00Z'
    ])
    assert.deepEqual(timesOf(halves, '2026-03-08T06:30:00Z', 2), [
      '2026-03-08T07:00Z',
      '2026-03-08T07:30Z'
    ])
  })

  it('follows the sun of a place', () => {
    // Published to the minute: London 04:43 BST on 21 June 2026, New York 16:30 EST on 29 November 2026.
    const near = (found: string[], expected: string) => {
      const ms = Math.abs(Date.parse(found[0] ?? '') - Date.parse(expected))
      assert.ok(ms <= 60_000, `${found[0]} found, expected about ${expected}`)
    }
    const london = { lat: 51.5, lon: -0.13 }
    const newYork = { lat: 40.71, lon: -74.01 }
    near(timesOf({ sun: 'sunrise', ...london }, '2026-06-21T00:00:00Z', 1), '2026-06-21T03:43:00Z')
    near(timesOf({ sun: 'sunset', ...newYork }, '2026-11-29T12:00:00Z', 1), '2026-11-29T21:30:00Z')
    near(
      timesOf({ sun: 'sunset', offset: '-30m', ...newYork }, '2026-11-29T12:00:00Z', 1),
      '2026-11-29T21:00:00Z'
    )
  })

  it('waits through a polar night', () => {
    const after = Date.parse('2026-11-20T00:00:00Z')
    const [next = 0] = nextOccurrences(
      aSchedule({ sun: 'sunrise', lat: 78.2, lon: 15.6 }),
      after,
      1
    )
    assert.match(new Date(next).toISOString(), /^2027-02-1/)
  })

  it('fires once a day wherever the sun rises, also at the date line', () => {
    const place = fc.record({
      lat: fc.double({ min: -60, max: 60, noNaN: true }),
      lon: fc.double({ min: -180, max: 180, noNaN: true })
    })
    const event = fc.constantFrom('sunrise', 'noon', 'sunset', 'midnight')
    fc.assert(
      fc.property(place, event, moments, (at, sun, after) => {
        const all = nextOccurrences(aSchedule({ sun, ...at }), after, 10)
        assert.ok((all[0] ?? 0) - after <= 1.02 * DAY_MS)
        for (const [index, ms] of all.entries()) {
          if (index > 0) assert.ok(Math.abs(ms - (all[index - 1] ?? 0) - DAY_MS) < 0.02 * DAY_MS)
        }
      })
    )
  })

  it('follows the market: weekends, holidays, early closes and both clocks of New York', () => {
    // Thanksgiving is on the 26th; the day after it closes at 13:00.
    assert.deepEqual(timesOf({ market: 'close', offset: '30m' }, '2026-11-25T12:00:00Z', 3), [
      '2026-11-25T21:30Z',
      '2026-11-27T18:30Z',
      '2026-11-30T21:30Z'
    ])
    assert.deepEqual(timesOf({ market: 'open', offset: '-5m' }, '2026-03-06T00:00:00Z', 2), [
      '2026-03-06T14:25Z',
      '2026-03-09T13:25Z'
    ])
    assert.deepEqual(timesOf({ market: 'post_end' }, '2026-11-27T12:00:00Z', 1), [
      '2026-11-27T22:00Z'
    ])
  })
})

describe('readSchedules()', () => {
  it('says the job, the zone and the rule of each, and makes the last missed run unless told otherwise', () => {
    const [nightly, dawn] = readSchedules(
      JSON.stringify({
        nightly: { job: 'nightly', market: 'close', offset: '30m', misfire: 'all' },
        dawn: { job: 'x', sun: 'dawn', lat: 1, lon: 2, tz: 'Asia/Tokyo', parameters: { a: 'b' } }
      }),
      NOW
    )
    assert.deepEqual(nightly, {
      name: 'nightly',
      job: 'nightly',
      parameters: {},
      misfire: 'all',
      isOptional: false,
      keepMs: null,
      zone: 'America/New_York',
      text: 'market close +30m',
      rule: { market: 'close', offsetMs: 1_800_000 },
      definition: JSON.stringify({
        job: 'nightly',
        market: 'close',
        offset: '30m',
        misfire: 'all'
      })
    })
    assert.deepEqual(
      [dawn?.text, dawn?.zone, dawn?.misfire],
      ['dawn at 1, 2', 'Asia/Tokyo', 'last']
    )
    assert.deepEqual(dawn?.parameters, { a: 'b' })
  })

  it('refuses what never fires', () => {
    const never = (rule: object, text: string) =>
      assert.equal(mistakeOf(rule), `${text} never fires, expected a time that comes`)
    never({ cron: '0 0 30 2 *' }, 'cron 0 0 30 2 *')
    never({ cron: '0 9 31 2,4 *' }, 'cron 0 9 31 2,4 *')
    never({ sun: 'sunrise', lat: 90, lon: 0 }, 'sunrise at 90, 0')
    assert.equal(mistakeOf({ cron: '0 0 29 2 *' }), undefined)
  })

  it('refuses a bad file whole and names every mistake with its place', () => {
    assert.deepEqual(
      mistakesOf({
        a: { job: 'load', every: '15s', cron: '0 2 * * *' },
        b: { job: 'load' },
        C: { job: '../load', every: '15s', misfire: 'maybe', tz: 'Mars/Base', evry: 1 },
        d: 'every 15s',
        e: { job: 'load', every: '10s', parameters: { day: 5 } },
        f: { job: 'load', every: '10s', optional: 'yes', keep: '59m' }
      }).map((mistake) => mistake.replace('schedules.json, schedule ', '')),
      [
        "'a': every and cron found, expected one of every, cron, sun, market",
        "'b': no rule found, expected one of every, cron, sun, market",
        "'C': expected a name of 1 to 100 letters a to z, digits, _ and -, with a letter or digit first",
        "'C': 'evry' found, expected every, cron, sun, market, job, parameters, misfire, tz, optional, keep; did you mean every?",
        '\'C\': job "../load" found, expected the name of a flow or a sequence',
        '\'C\': misfire "maybe" found, expected skip, last or all',
        '\'C\': tz "Mars/Base" found, expected a time zone such as Europe/London',
        '\'d\': "every 15s" found, expected an object such as {"job": "load", "every": "15s"}',
        '\'e\': parameters {"day":5} found, expected texts by name',
        '\'f\': optional "yes" found, expected true or false',
        '\'f\': keep "59m" found, expected a duration such as 250ms, 10s, 5m, 24h or 7d, at least 3600000ms'
      ]
    )
    assert.match(mistakesOf('[1]')[0] ?? '', /^schedules\.json: \[1\] found, expected an object/)
    assert.match(mistakesOf('{')[0] ?? '', /^schedules\.json: not JSON/)
    assert.match(
      mistakesOf('{"a":{},\n"a":{}}')[0] ?? '',
      /^schedules\.json, line 2: 'a' found twice/
    )
  })

  it('says what is wrong with a rule', () => {
    const says = (rule: object, text: RegExp) => assert.match(mistakeOf(rule) ?? '', text)
    says(
      { every: '10ms' },
      /^every "10ms" found, expected a duration .* at least 1000ms, at most 366d$/
    )
    says({ every: 15 }, /^every 15 found/)
    says(
      { cron: '61 * * * *' },
      /^cron "61 \* \* \* \*" found, Invalid value for minute: 61; expected 5/
    )
    says({ cron: '* * * *' }, /^cron .* found, expected 5 fields/)
    says({ cron: '2030-01-01T00:00:00' }, /expected 5 fields/)
    says({ cron: '? * * * *' }, /\? has no fixed meaning/)
    says({ cron: '0 2 * * FUN' }, /expected 5 fields/)
    says({ sun: 'sunries', lat: 0, lon: 0 }, /did you mean sunrise\?$/)
    says({ sun: 'noon', lat: 91, lon: 0 }, /^lat 91 found, expected degrees from -90 to 90$/)
    says({ sun: 'noon', lat: 0 }, /^lon nothing found/)
    says(
      { market: 'close', offset: '2 days' },
      /^offset "2 days" found, expected a duration up to 24h/
    )
    says({ market: 'close', lat: 1 }, /^'lat' found, expected/)
    says({ market: 'lunch' }, /^market "lunch" found, expected one of pre, open, close, post_end/)
  })

  it('never throws anything else', () => {
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom('15s', '0 2 * * *', 'noon', 'close', 'load', 5)
    )
    const field = fc.constantFrom(
      'job',
      'every',
      'cron',
      'sun',
      'market',
      'lat',
      'lon',
      'offset',
      'tz',
      'misfire'
    )
    const file = fc.dictionary(fc.string(), fc.dictionary(field, value))
    fc.assert(fc.property(file, (found) => void mistakesOf(found)))
  })
})

describe('dueOccurrences()', () => {
  const minute = (at: number) => NOW + at * 60_000
  const due = (misfire: string, until: number, now: number, every = '1m') =>
    dueOccurrences(aSchedule({ every }, { misfire }), until, now)

  it('finds what has come since the last look, once', () => {
    assert.deepEqual(due('skip', NOW, minute(1) - 1).occurrencesMs, [])
    assert.deepEqual(due('skip', NOW, minute(1)).occurrencesMs, [minute(1)])
    assert.deepEqual(due('skip', minute(1), minute(1) + 500).occurrencesMs, [])
    // The clock of the database may go back.
    assert.deepEqual(due('all', minute(9), minute(3)), { occurrencesMs: [], untilMs: minute(9) })
  })

  it('skips the missed ones, makes the last of them, or all', () => {
    const at = minute(10) + 30_000
    assert.deepEqual(due('skip', NOW, at), { occurrencesMs: [minute(10)], untilMs: at })
    assert.deepEqual(due('last', NOW, at).occurrencesMs, [minute(9), minute(10)])
    assert.equal(due('all', NOW, at).occurrencesMs.length, 10)
    assert.deepEqual(due('last', NOW, at, '4m').occurrencesMs, [minute(8)])
    assert.deepEqual(due('skip', NOW, at, '4m').occurrencesMs, [])
  })

  it('makes at most a hundred at a time, and goes on with the next look', () => {
    const { occurrencesMs, untilMs } = due('all', NOW, minute(250))
    assert.equal(occurrencesMs.length, 100)
    assert.equal(untilMs, minute(100))
    assert.equal(due('all', untilMs, minute(250)).occurrencesMs[0], minute(101))
    assert.deepEqual(due('last', 0, NOW, '1s').occurrencesMs.length, 61)
  })

  it('with all, makes every occurrence once whenever it looks', () => {
    const looks = fc.array(fc.integer({ min: 1, max: 3 * 3_600_000 }), { maxLength: 20 })
    fc.assert(
      fc.property(schedules, moments, looks, (rule, start, waits) => {
        const schedule: Schedule = { ...rule, misfire: 'all' }
        const made: number[] = []
        let [until, now] = [start, start]
        for (const wait of waits) {
          now += wait
          for (;;) {
            const found = dueOccurrences(schedule, until, now)
            made.push(...found.occurrencesMs)
            until = found.untilMs
            if (until === now) break
          }
        }
        const expected = nextOccurrences(schedule, start, made.length + 1)
        assert.deepEqual(made, expected.slice(0, -1))
        assert.ok((expected.at(-1) ?? 0) > now)
      }),
      { numRuns: 50 }
    )
  })
})
