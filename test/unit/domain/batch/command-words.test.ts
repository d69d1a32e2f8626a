import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readSequence, type ModuleCommand } from '@tapedeck/domain'
import fc from 'fast-check'

/** The words that a module with this command runs as. @throws CONFIG_INVALID */
function wordsOf(cmd: unknown): ModuleCommand['words'] | undefined {
  const modules = JSON.stringify({ m: { cmd } })
  const sequence = readSequence('s', { sequence: '[{"module_name": "m"}]', modules })
  return sequence.commands.get('m')?.words
}

function mistakeOf(cmd: unknown): string {
  try {
    return `taken as ${wordsOf(cmd)?.join()}`
  } catch (error) {
    return (error as Error).message
  }
}

describe('commandWords()', () => {
  it('cuts words as a shell does', () => {
    assert.deepEqual(wordsOf(`  python3  -m 'a  b'"c \\"d" e\\ f '' \t--x="1 2"`), [
      'python3',
      '-m',
      'a  bc "d',
      'e f',
      '',
      '--x=1 2'
    ])
    assert.deepEqual(wordsOf(String.raw`grep "a\b\$" 'c\d|$'`), [
      'grep',
      String.raw`a\b$`,
      String.raw`c\d|$`
    ])
  })

  it('gives back any quoted words', () => {
    const word = fc.string().filter((text) => !text.includes('\0'))
    fc.assert(
      fc.property(fc.array(word, { maxLength: 5 }), (rest) => {
        const words = ['run', ...rest]
        const quoted = words.map((one) => `'${one.replaceAll("'", String.raw`'\''`)}'`).join(' ')
        assert.deepEqual(wordsOf(quoted), words)
        assert.deepEqual(wordsOf(words), words)
      })
    )
  })

  it('refuses what needs a shell, and a command without a program', () => {
    for (const cmd of [
      'a; b',
      'a && b',
      'a > f',
      'a $HOME',
      'a "$HOME"',
      'a `b`',
      'ls *.csv',
      'a\nb'
    ]) {
      assert.match(mistakeOf(cmd), /needs a shell/, cmd)
    }
    for (const cmd of ['', '  ', "''", 'A=1 b', [], ['']]) {
      assert.match(mistakeOf(cmd), /expected a (program|command)/)
    }
    for (const cmd of ["a 'b", 'a "b', 'a \\', 'a\0', ['a', '\0']]) {
      assert.match(mistakeOf(cmd), /without its end|ends with|NUL/)
    }
  })
})
