/** What a shell would act on outside quotes; `$` and a backquote also between double quotes. */
const FOR_A_SHELL = /[|&;<>()*?[\]{}~#!\n$`]/

/**
 * The words of a command line, as a POSIX shell cuts them: at white space, with '…', "…" and \ as quotes. Nothing is
 * expanded, and what only a shell could do is a mistake unless it is quoted.
 */
export function commandWords(command: string): string[] | { readonly mistake: string } {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < command.length; at++) {
    const letter = command[at] ?? ''
    const isLiteral = quote === "'"
    if (letter === '\0') return { mistake: 'a NUL character found, which no program can be given' }
    if (letter === quote) {
      quote = ''
    } else if (letter === '\\' && !isLiteral) {
      const next = command[++at]
      if (next === undefined) return { mistake: 'ends with \\, expected a character after it' }
      // Between double quotes a shell keeps a backslash that hides nothing.
      const isKept = quote === '"' && !'"\\$`'.includes(next)
      word = `${word ?? ''}${isKept ? '\\' : ''}${next}`
    } else if (quote === '' && (letter === "'" || letter === '"')) {
      quote = letter
      word ??= ''
    } else if (quote === '' && /\s/.test(letter) && letter !== '\n') {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (!isLiteral && (quote === '' ? FOR_A_SHELL : /[$`]/).test(letter)) {
      const found = letter === '\n' ? 'a line break' : letter
      return {
        mistake: `${found} found, which needs a shell, expected a program and its arguments; quote it with '…' if it is one`
      }
    } else {
      word = `${word ?? ''}${letter}`
    }
  }
  if (quote !== '') return { mistake: `${quote} without its end found` }
  if (word !== undefined) words.push(word)
  if (words[0] === undefined || words[0] === '' || /^[A-Za-z_]\w*=/.test(words[0])) {
    return {
      mistake: `${words[0] ? `${words[0]} found` : 'nothing found'}, expected a program first`
    }
  }
  return words
}
