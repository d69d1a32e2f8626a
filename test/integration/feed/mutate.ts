const SCRAPS = [
  'null',
  'true',
  '-1',
  '0',
  '1e999',
  '-1e999',
  '1e-400',
  '9007199254740993',
  '123456789012345678901234567890',
  '"1"',
  '"NaN"',
  'NaN',
  'Infinity',
  '{}',
  '[]',
  '[[]]',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"__proto__"',
  '{"__proto__":{"p":1,"s":"X","t":1,"v":1}}',
  '{"constructor":{"prototype":{}}}',
  '[null,1,"",{}]',
  `"${'long '.repeat(400)}"`,
  `[${'"1",'.repeat(200)}"1"]`,
  '['.repeat(300) + ']'.repeat(300),
  '{"a":'.repeat(200) + '1' + '}'.repeat(200)
] as const

const KEYS = [
  's',
  'S',
  'p',
  't',
  'v',
  'c',
  'i',
  'z',
  'T',
  'oi',
  'ci',
  'type',
  'data',
  '__proto__'
] as const
/** A value in JSON text: a number, a string, a word, or a flat list. */
const VALUE = /(?<=[:[,])(?:-?\d[\d.eE+-]*|"(?:[^"\\]|\\.)*"|true|false|null|\[[^[\]{}]*\])(?!:)/g

/** One frame changed once or twice: bytes, ends, types, numbers, depth, length, keys. */
export function mutate(text: string, random: () => number): string {
  let changed = text
  const times = 1 + Math.floor(random() * 2)
  for (let i = 0; i < times; i++) changed = mutateOnce(changed, random)
  return changed
}

function mutateOnce(text: string, random: () => number): string {
  const at = Math.floor(random() * text.length)
  switch (Math.floor(random() * 14)) {
    case 0: // a byte flipped
      return (
        text.slice(0, at) +
        String.fromCharCode(text.charCodeAt(at) ^ (1 << Math.floor(random() * 7))) +
        text.slice(at + 1)
      )
    case 1: // cut off
      return text.slice(0, at)
    case 2: // a piece taken out
      return text.slice(0, at) + text.slice(at + 1 + Math.floor(random() * 12))
    case 3: // a piece repeated
      return text.slice(0, at) + text.slice(Math.max(0, at - Math.floor(random() * 60)))
    case 4: // a key that is there already, or a dangerous one
      return text.replace(/[{]/, `{"${pick(KEYS, random)}":${pick(SCRAPS, random)},`)
    case 5: // a key exchanged for another
      return text.replace(new RegExp(`"${pick(KEYS, random)}":`), `"${pick(KEYS, random)}":`)
    default: // a value of another type, size or depth
      return replaceValue(text, random)
  }
}

function replaceValue(text: string, random: () => number): string {
  const values = [...text.matchAll(VALUE)]
  const value = values[Math.floor(random() * values.length)]
  if (value === undefined) return text
  return (
    text.slice(0, value.index) + pick(SCRAPS, random) + text.slice(value.index + value[0].length)
  )
}

function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)] as T
}
