import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { argumentReader, hasCode, LimitedLines, runCommand, TapedeckError } from '@tapedeck/core'

const read = argumentReader({
  name: 'play',
  options: {
    symbols: 'text',
    speed: 'text',
    mode: 'text',
    file: 'texts',
    json: 'flag',
    loop: 'switch'
  },
  takesOperands: true,
  read: (given) => ({
    symbols: given.list('symbols'),
    speed: given.whole('speed', 1, 100),
    mode: given.choice('mode', ['fast', 'slow']),
    files: given.texts('file'),
    isJson: given.flag('json'),
    loop: given.text('loop'),
    tapes: given.operands
  })
})

function mistakesOf(line: string, reader: typeof read = read): string {
  let message = ''
  assert.throws(
    () => reader(line.split(' ')),
    (error) => {
      message = error instanceof Error ? error.message : ''
      return hasCode(error, 'CONFIG_INVALID')
    }
  )
  return message
}

describe('argumentReader()', () => {
  it('reads every kind of option, and operands also after --', () => {
    const line = 'a.ndjson --symbols A,B,A --speed=7 --mode fast --file x --file y --json --no-loop'
    assert.deepEqual(read([...line.split(' '), '--', '--b']), {
      symbols: ['A', 'B'],
      speed: 7,
      mode: 'fast',
      files: ['x', 'y'],
      isJson: true,
      loop: 'false',
      tapes: ['a.ndjson', '--b']
    })
  })

  it('leaves what is not given undefined', () => {
    assert.deepEqual(read(['--loop']), {
      symbols: undefined,
      speed: undefined,
      mode: undefined,
      files: [],
      isJson: false,
      loop: 'true',
      tapes: []
    })
  })

  it('answers help, whatever else is given', () => {
    assert.equal(read(['--help']), 'help')
    assert.equal(read(['-h', '--what', '--speed', 'x']), 'help')
  })

  it('names every mistake at once, and the command', () => {
    const message = mistakesOf(
      '--speed 0 --mode quick --symbols A,,B --json=no --json --json --what'
    )
    assert.deepEqual(message.split('\n  '), [
      'Cannot run play: --json=no found, expected --json alone',
      '--json found twice, expected it once',
      'unknown option --what found',
      '--symbols A,,B found, expected names between its commas',
      '--speed 0 found, expected a whole number from 1 to 100',
      '--mode quick found, expected fast, slow',
      'expected arguments as in npm run play -- --help'
    ])
  })

  it('proposes the option that was probably meant', () => {
    assert.match(mistakesOf('--sybmols A'), /--sybmols found, did you mean --symbols\?/)
    assert.match(mistakesOf('--lop'), /--lop found, did you mean --loop\?/)
    assert.match(mistakesOf('-j'), /unknown option -j found$/m)
  })

  it('takes neither the next option nor nothing for a value', () => {
    for (const line of ['--symbols --json', '--symbols=', '--symbols']) {
      assert.match(mistakesOf(line), /--symbols found without a value/)
    }
    assert.match(mistakesOf('--speed -1'), /--speed -1 found, expected a whole number/)
  })

  it('refuses a negation of what is no switch, and operands where there are none', () => {
    assert.match(mistakesOf('--no-json'), /unknown option --no-json found/)
    const bare = argumentReader({ name: 'bare', options: {}, read: () => undefined })
    assert.throws(() => bare(['stray']), /'stray' found, expected only options/)
  })
})

describe('runCommand()', () => {
  async function outcomeOf(
    args: readonly string[],
    run: () => Promise<0 | 1> = () => Promise.resolve(0)
  ) {
    let [out, err] = ['', '']
    const process = {
      argv: ['node', 'main.ts', ...args],
      exitCode: undefined as number | undefined,
      stdout: { write: (text: string) => (out += text) },
      stderr: { write: (text: string) => (err += text) }
    }
    await runCommand(
      {
        usage: 'how it is used\n',
        read,
        run: (_given, terminal) => {
          terminal.write('result\n')
          terminal.note('a note')
          terminal.progress('too early to say anything')
          return run()
        }
      },
      process
    )
    return { out, err, exitCode: process.exitCode ?? 0 }
  }

  it('writes the result to standard output, notes to standard error', async () => {
    assert.deepEqual(await outcomeOf([]), { out: 'result\n', err: 'a note\n', exitCode: 0 })
  })

  it('exits as the command answers', async () => {
    assert.equal((await outcomeOf([], () => Promise.resolve(1))).exitCode, 1)
  })

  it('shows how it is used when asked for help', async () => {
    assert.deepEqual(await outcomeOf(['--help']), { out: 'how it is used\n', err: '', exitCode: 0 })
  })

  it('exits with 2 when it could not begin, with 1 when it failed on the way', async () => {
    const mistaken = await outcomeOf(['--speed', 'x'])
    assert.equal(mistaken.exitCode, 2)
    assert.match(mistaken.err, /^Cannot run play: --speed x found/)
    for (const [failure, exitCode] of [
      [new TapedeckError('SERVER_MISSING', 'no broker'), 2],
      [new TapedeckError('BROKER_UNREACHABLE', 'no answer'), 1],
      [new Error('a bug'), 1]
    ] as const) {
      const outcome = await outcomeOf([], () => Promise.reject(failure))
      assert.equal(outcome.exitCode, exitCode)
      assert.ok(outcome.err.endsWith(`${failure.message}\n`))
    }
  })
})

describe('LimitedLines', () => {
  it('writes lines up to its limit and counts the rest', () => {
    let out = ''
    const lines = new LimitedLines({ write: (text) => (out += text) }, 2)
    for (const line of ['a', 'b', 'c', 'd']) lines.add(line)
    lines.end()
    assert.equal(out, 'a\nb\nand 2 more (--all shows them)\n')
  })
})
