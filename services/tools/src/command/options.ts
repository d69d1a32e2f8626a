import { parseArgs } from 'node:util'
import type { Mistakes } from './mistakes.ts'

/** What may stand behind a name: a text once, a text each time it is named, or nothing. */
export type OptionKind = 'text' | 'texts' | 'flag'

export interface Options {
  readonly texts: ReadonlyMap<string, string>
  /** Every text of an option that may be named several times, in their order. */
  readonly lists: ReadonlyMap<string, readonly string[]>
  readonly flags: ReadonlySet<string>
}

/**
 * Reads the options of a command; `--help` and `-h` are always among them. Nothing is taken back in
 * silence: what is unknown, without its value or named twice is a mistake, and all of them are found.
 * @param positional what to say of an argument that is no option
 */
export function readOptions(
  args: readonly string[],
  kinds: Readonly<Record<string, OptionKind>>,
  mistakes: Mistakes,
  positional = 'only options'
): Options {
  const known = new Map<string, OptionKind>([...Object.entries(kinds), ['help', 'flag']])
  const texts = new Map<string, string>()
  const lists = new Map<string, string[]>()
  const flags = new Set<string>()
  for (const token of tokensOf(args, known)) {
    if (token.kind === 'positional') {
      mistakes.add(`'${token.value}' found, expected ${positional}`)
    }
    if (token.kind !== 'option') continue
    const { name, value, rawName } = token
    const kind = known.get(name)
    if (kind === undefined) mistakes.add(`unknown option ${rawName} found`)
    else if (kind === 'flag' && value !== undefined) {
      mistakes.add(`${rawName}=${value} found, expected ${rawName} alone`)
    } else if (kind !== 'flag' && (value === undefined || value === '')) {
      mistakes.add(`${rawName} found without a value`)
    } else if (texts.has(name) || flags.has(name)) {
      mistakes.add(`${rawName} found twice, expected it once`)
    } else if (value === undefined) flags.add(name)
    else if (kind === 'text') texts.set(name, value)
    else lists.set(name, [...(lists.get(name) ?? []), value])
  }
  return { texts, lists, flags }
}

/** Not strict, so that every mistake is found at once. */
function tokensOf(args: readonly string[], known: ReadonlyMap<string, OptionKind>) {
  const options = [...known].map(([name, kind]) => [
    name,
    {
      type: kind === 'flag' ? ('boolean' as const) : ('string' as const),
      ...(name === 'help' && { short: 'h' })
    }
  ])
  return parseArgs({
    args: [...args],
    options: Object.fromEntries(options) as Record<string, { type: 'boolean' | 'string' }>,
    strict: false,
    tokens: true,
    allowPositionals: true
  }).tokens
}
