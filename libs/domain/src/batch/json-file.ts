import { didYouMean, printable, type Json } from '@tapedeck/core'

/**
 * The value of a JSON text. A text that is none, and an object with a name twice, is a mistake, with the line of the
 * repetition: JSON.parse would keep the last value and say nothing.
 * @param file how mistakes call it
 * @returns undefined when the text is not JSON
 */
export function jsonOf(file: string, text: string, mistakes: string[]): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    mistakes.push(`${file}: not JSON: ${printable((error as Error).message)}`)
    return undefined
  }
  for (const { key, line } of doubleKeys(text)) {
    mistakes.push(
      `${file}, line ${line}: '${printable(key)}' found twice, expected names that differ`
    )
  }
  return value
}

/** The names that an object of a JSON text has more than once, with the line of each repetition, from 1. */
function doubleKeys(json: string): { readonly key: string; readonly line: number }[] {
  const found: { readonly key: string; readonly line: number }[] = []
  const open: Set<string>[] = []
  let line = 1
  for (const [token, text, colon] of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]|\n/g)) {
    if (token === '{' || token === '[') open.push(new Set())
    else if (token === '}' || token === ']') open.pop()
    else if (token === '\n') line += 1
    if (text === undefined || colon === undefined) continue
    const key = JSON.parse(text) as string
    const keys = open.at(-1)
    if (keys?.has(key) === true) found.push({ key, line })
    keys?.add(key)
    line += colon.split('\n').length - 1
  }
  return found
}

/** Notes the fields of an object that are not known. */
export function unknownFields(
  place: string,
  found: Json,
  known: readonly string[],
  mistakes: string[]
): void {
  for (const field of Object.keys(found).filter((one) => !known.includes(one))) {
    mistakes.push(
      `${place}: '${printable(field)}' found, expected ${known.join(', ')}${didYouMean(field, known)}`
    )
  }
}

/** A value as JSON, shortened, for messages. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return printable(text.length > 80 ? `${text.slice(0, 77)}...` : text)
}
