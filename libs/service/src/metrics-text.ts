/** One line of a Prometheus text: a value of a series. */
export interface MetricSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE =
  /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*$/
const LABEL = /([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"/g
const ESCAPED: Readonly<Record<string, string>> = { '\\n': '\n', '\\\\': '\\', '\\"': '"' }
/** In any case of letters, as Go reads them: prom-client writes `Nan`. */
const VALUES: Readonly<Record<string, number>> = {
  '+inf': Infinity,
  inf: Infinity,
  '-inf': -Infinity,
  nan: NaN
}

/**
 * The samples of a text in Prometheus' exposition format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/), in its order. Comments, types and the times of samples
 * are passed over, and so is a line that is none of the format.
 */
export function parseMetrics(text: string): MetricSample[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', word = ''] = LINE.exec(line.trimEnd()) ?? []
    if (name === undefined) return []
    const special = VALUES[word.toLowerCase()]
    const value = special ?? Number(word)
    if (special === undefined && Number.isNaN(value)) return []
    return [{ name, labels: labelsOf(labels), value }]
  })
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(LABEL)].map(([, name = '', value = '']) => [
      name,
      value.replaceAll(/\\./g, (escaped) => ESCAPED[escaped] ?? escaped)
    ])
  )
}
