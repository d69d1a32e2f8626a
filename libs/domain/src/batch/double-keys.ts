/**
 * The keys that an object of a JSON text has more than once, with the line of each repetition, from 1. JSON.parse
 * keeps the last value and says nothing.
 * @param json a text that JSON.parse accepts
 */
export function doubleKeys(json: string): { readonly key: string; readonly line: number }[] {
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
