import { Problems, redactUrl, url, type Variable } from '@tapedeck/core'

/**
 * A variable with the address of a server, without a slash at its end.
 * @param part 'origin': it has no path, since the data source compares addresses as text; 'path': it may have one
 */
export function address(fallback: string | undefined, part: 'origin' | 'path'): Variable<string> {
  const http = url(fallback, ['http:', 'https:'])
  return {
    ...http,
    parse(found) {
      const parsed = http.parse(found)
      if (parsed === undefined) return undefined
      const { origin, pathname, search, hash, username, password } = new URL(parsed)
      const hasPath = part === 'origin' && pathname !== '/'
      const problems = [
        ...(hasPath ? [`'${redactUrl(found)}' has a path, expected none`] : []),
        ...(search !== '' || hash !== '' ? ['it contains a ? or #, expected none'] : []),
        ...(username !== '' || password !== ''
          ? ['it contains a user or password, expected none']
          : [])
      ]
      if (problems.length > 0) throw new Problems(problems)
      return part === 'origin' ? origin : `${origin}${pathname.replace(/\/+$/, '')}`
    }
  }
}
