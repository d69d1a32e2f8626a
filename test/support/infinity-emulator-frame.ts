/** A table of typed columns, as Grafana's panels get it. */
export interface Frame {
  readonly name: string
  readonly fields: readonly Field[]
}

export interface Field {
  readonly name: string
  readonly type: 'time' | 'number' | 'string' | 'boolean'
  readonly labels: Readonly<Record<string, string>>
  readonly values: readonly Value[]
}

/** Times are epoch milliseconds. */
type Value = number | string | boolean | null

interface Column {
  readonly selector: string
  readonly text: string
  readonly type: string
}

const FIELD_TYPES: Readonly<Record<string, Field['type']>> = {
  number: 'number',
  string: 'string',
  boolean: 'boolean',
  timestamp_epoch: 'time'
}

/**
 * Rows to columns by the plugin's rules: columns in alphabetical order, numbers nullable, an undeclared
 * column of the type of its first value, or text when it has none. No row gives no field.
 */
export function buildFrame(
  name: string,
  rows: readonly unknown[],
  columns: readonly Column[]
): Frame {
  if (rows.length === 0) return { name, fields: [] }
  const titles = columns.map(({ text }) => text)
  const twice = titles.find((title, index) => titles.indexOf(title) !== index)
  if (twice !== undefined) throw new Error(`Column '${twice}' is there twice`)
  const fields = columns.map((column): Field => {
    if (column.text !== column.selector) {
      throw new Error(
        `Column '${column.selector}' is titled '${column.text}': versions of the plugin drop such a column`
      )
    }
    if (!rows.some((row) => column.selector in (row as object))) {
      throw new Error(`No row has '${column.selector}': its column would always be empty`)
    }
    const values = rows.map((row) => (row as Record<string, unknown>)[column.selector] ?? null)
    const type = FIELD_TYPES[column.type] ?? guess(values)
    return {
      name: column.text,
      type,
      labels: {},
      values: values.map((value) => coerce(value, type, column.text))
    }
  })
  return { name, fields: fields.toSorted((left, right) => (left.name < right.name ? -1 : 1)) }
}

/**
 * A time series frame: when it has text columns, each combination of their values becomes a label set
 * with number columns of its own, and missing values are null.
 *
 * @throws where the plugin would hand on the long table without a word: time null or not ascending, no
 * time or no number column
 */
export function longToWide(frame: Frame): Frame {
  if (frame.fields.length === 0) return frame
  const time = frame.fields.find(({ type }) => type === 'time')
  const numbers = frame.fields.filter(({ type }) => type === 'number')
  const texts = frame.fields.filter(({ type }) => type === 'string')
  if (time === undefined || numbers.length === 0) {
    throw new Error('A time series needs a time column and a number column')
  }
  time.values.forEach((value, index) => {
    const before = time.values[index - 1]
    if (value === null) throw new Error(`Row ${index} has no time, so the series is not one`)
    if (typeof before === 'number' && before > Number(value)) {
      throw new Error(`Row ${index} is at ${value}, after ${before}: expected ascending time`)
    }
  })
  if (texts.length === 0) return frame

  const moments = [...new Set(time.values)]
  const place = new Map(moments.map((moment, index) => [moment, index]))
  const series = new Map<string, { labels: Record<string, string>; columns: Value[][] }>()
  time.values.forEach((moment, row) => {
    const labels = Object.fromEntries(texts.map(({ name, values }) => [name, String(values[row])]))
    const key = JSON.stringify(labels)
    const one = series.get(key) ?? { labels, columns: numbers.map(() => moments.map(() => null)) }
    series.set(key, one)
    numbers.forEach(({ values }, column) => {
      one.columns[column]![place.get(moment)!] = values[row] ?? null
    })
  })
  return {
    name: frame.name,
    fields: [
      { ...time, values: moments },
      ...[...series.values()].flatMap(({ labels, columns }) =>
        numbers.map((field, column): Field => ({ ...field, labels, values: columns[column] ?? [] }))
      )
    ]
  }
}

/** Several frames in one, on their time; what a frame does not have at a moment is null. */
export function outerJoin(frames: readonly Frame[]): Frame {
  const filled = frames.filter(({ fields }) => fields.length > 0)
  const times = filled.map(({ fields }) => fields.find(({ type }) => type === 'time')?.values ?? [])
  const moments = [...new Set(times.flat())].toSorted((left, right) => Number(left) - Number(right))
  return {
    name: 'joined',
    fields: [
      { name: 'time', type: 'time', labels: {}, values: moments },
      ...filled.flatMap(({ fields }, index) => {
        const row = new Map(times[index]?.map((moment, at) => [moment, at]))
        return fields
          .filter(({ type }) => type !== 'time')
          .map((field): Field => ({
            ...field,
            values: moments.map((moment) => field.values[row.get(moment) ?? -1] ?? null)
          }))
      })
    ]
  }
}

function guess(values: readonly unknown[]): Field['type'] {
  const first = values.find((value) => value !== null)
  if (typeof first === 'number') return 'number'
  return typeof first === 'boolean' ? 'boolean' : 'string'
}

function coerce(value: unknown, type: Field['type'], name: string): Value {
  if (value === null) return null
  if (type === 'string') return typeof value === 'string' ? value : JSON.stringify(value)
  const fits = type === 'boolean' ? typeof value === 'boolean' : Number.isFinite(value)
  if (!fits) {
    throw new TypeError(`Column '${name}' holds ${JSON.stringify(value)}, expected a ${type}`)
  }
  return value as Value
}
