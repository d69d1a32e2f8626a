import { TapedeckError } from '@tapedeck/core'
import { timeframeProblem, type Timeframe } from '@tapedeck/domain'
import { rangeEndOf, type RangeEnd } from '../reprocess/dates.ts'

/** Collects what is wrong with a command, and reads the kinds of values that several have. */
export class Mistakes {
  readonly #command: string
  readonly #found: string[] = []

  constructor(command: string) {
    this.#command = command
  }

  add(...mistakes: readonly string[]): void {
    this.#found.push(...mistakes)
  }

  /** @throws CONFIG_INVALID that names all of them */
  throwAny(): void {
    if (this.#found.length === 0) return
    const list = this.#found.join('\n  ')
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot ${this.#command}: ${list}\n  expected arguments as in npm run ${this.#command} -- --help`
    )
  }

  /** One end of a range; it must be there. */
  end(name: string, text: string | undefined): RangeEnd | undefined {
    const end = text === undefined ? undefined : rangeEndOf(text)
    const found = text === undefined ? 'is missing' : `${text} found`
    if (end === undefined) {
      this.add(`${name} ${found}, expected a date such as 2026-03-10 or 2026-03-10T14:00Z`)
    }
    return end
  }

  choice<T extends string>(
    name: string,
    text: string | undefined,
    options: readonly T[]
  ): T | undefined {
    if (text === undefined) return undefined
    const found = options.find((option) => option === text)
    if (found === undefined) this.add(`${name} ${text} found, expected ${options.join(', ')}`)
    return found
  }

  timeframes(text: string | undefined): readonly Timeframe[] | undefined {
    const names = this.list('--timeframes', text)
    for (const name of names ?? []) {
      const problem = timeframeProblem(name)
      if (problem !== undefined) this.add(`--timeframes: ${problem}`)
    }
    return names
  }

  list(name: string, text: string | undefined): readonly string[] | undefined {
    if (text === undefined) return undefined
    const entries = text.split(',').map((entry) => entry.trim())
    if (entries.includes('')) this.add(`${name} ${text} found, expected names between its commas`)
    return [...new Set(entries)]
  }
}
