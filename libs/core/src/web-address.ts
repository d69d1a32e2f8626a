import { Problems, url, type Variable } from './env.ts'
import { redactUrl } from './secret.ts'

/**
 * A variable with the address of a server that paths are appended to, without a slash at its end. It has no `?` or `#`,
 * since a path behind them would be no path, and no user or password, since fetch() takes none.
 * @param part 'path': it may have a path, as behind a proxy; 'origin': it has none
 */
export function webAddress(
  fallback: string | undefined,
  part: 'origin' | 'path'
): Variable<string> {
  const http = url(fallback, ['http:', 'https:'])
  const expected =
    part === 'path'
      ? 'an address such as https://host.example or https://host.example/path'
      : 'an address such as https://host.example, without a path'
  return {
    ...http,
    expected,
    parse(found) {
      const parsed = http.parse(found)
      if (parsed === undefined) return undefined
      const { origin, pathname, username, password } = new URL(parsed)
      const hasPath = part === 'origin' && pathname !== '/'
      const problems = [
        ...(hasPath ? [`'${redactUrl(found)}' has a path, expected none`] : []),
        // The text is asked, because an empty query does not show in the parsed URL.
        ...(/[?#]/.test(found) ? [`'${redactUrl(found)}' has a ? or #, expected none`] : []),
        ...(username !== '' || password !== '' ? ['has a user or password, expected none'] : [])
      ]
      if (problems.length > 0) throw new Problems(problems)
      return part === 'origin' ? origin : `${origin}${pathname.replace(/\/+$/, '')}`
    }
  }
}
