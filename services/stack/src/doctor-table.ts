import type { Diagnosis } from './doctor.ts'

const MARKS = { found: 'ok', note: '-', missing: 'MISSING' } as const

/** The doctor's table as text: a line for each check, the remedy under what it mends. */
export function renderDiagnosis({ checks, canStart }: Diagnosis): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  const indent = ' '.repeat(width + 4 + MARKS.missing.length)
  const lines = checks.flatMap(({ name, state, detail, remedy }) => {
    const [first = '', ...more] = detail.split('\n')
    return [
      `${name.padEnd(width)}  ${MARKS[state].padEnd(MARKS.missing.length)}  ${first}`,
      ...more.map((line) => `${indent}${line.trim()}`),
      ...(remedy === undefined ? [] : [`${indent}-> ${remedy}`])
    ]
  })
  const verdict = canStart
    ? 'The stack can start: npm start'
    : 'The stack cannot start: mend what is MISSING'
  return `${[...lines, '', verdict].join('\n')}\n`
}
