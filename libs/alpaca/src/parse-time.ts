const FORM = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/

/**
 * Epoch ms of an RFC 3339 time with up to nine fractional digits, cut (not rounded) to the
 * millisecond it lies in; undefined when the text is no such time, also for a day that is not.
 */
export function parseTime(text: unknown): number | undefined {
  if (typeof text !== 'string' || text.length > 40) return undefined
  const parts = FORM.exec(text)
  if (parts === null) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', sign, offHours, offMinutes] =
    parts
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'))
  const atMs = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    ms
  )
  // Date.UTC takes 30 February for 2 March; the calendar does not.
  const back = new Date(atMs)
  const isReal =
    back.getUTCMonth() + 1 === Number(month) &&
    back.getUTCDate() === Number(day) &&
    back.getUTCHours() === Number(hour) &&
    back.getUTCMinutes() === Number(minute)
  if (!isReal) return undefined
  if (sign === undefined) return atMs
  const offsetMs = (Number(offHours) * 60 + Number(offMinutes)) * 60_000
  return sign === '+' ? atMs - offsetMs : atMs + offsetMs
}
