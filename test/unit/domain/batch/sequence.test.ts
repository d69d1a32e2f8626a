import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TapedeckError } from '@tapedeck/core'
import { checkGraph, commandFor, readSequence, type Sequence } from '@tapedeck/domain'
import fc from 'fast-check'

const MODULES = {
  extract: { cmd: 'node extract.ts --day today', retries: 2, retry_delay: '5s', timeout: '10m' },
  load: { cmd: ['./load', 'a word'], flags: { input: '-i', config: '-c' }, backoff: 'exponential' },
  error_handler: { cmd: 'node tell.ts' }
}

function read(sequence: unknown, modules: unknown = MODULES, name = 'nightly'): Sequence {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  return readSequence(name, { sequence: text(sequence), modules: text(modules) })
}

/** The mistakes of files that are refused. */
function mistakesOf(sequence: unknown, modules: unknown = MODULES, name?: string): string[] {
  try {
    read(sequence, modules, name)
  } catch (error) {
    assert.ok(error instanceof TapedeckError && error.code === 'CONFIG_INVALID', String(error))
    return error.message.replace(/^Cannot read sequence [^:]*: /, '').split('\n  ')
  }
  return []
}

describe('readSequence()', () => {
  it('makes a chain of tasks, with the command of each and the module for failures', () => {
    const { job, commands, errorHandler } = read([
      { module_name: 'extract', input: '', output: 'raw/day.json', conf: null },
      { module_name: 'load', input: 'raw/day.json', output: 'out', conf: 'load.json' },
      { module_name: 'extract' }
    ])
    assert.deepEqual(checkGraph(job), [])
    const limits = {
      retries: 2,
      retryDelayMs: 5000,
      backoff: 'fixed',
      timeoutMs: 600_000
    } as const
    assert.deepEqual(job, {
      name: 'nightly',
      kind: 'sequence',
      tasks: [
        { name: 'extract', after: [], ...limits },
        {
          name: 'load',
          after: ['extract'],
          retries: 0,
          retryDelayMs: 30_000,
          backoff: 'exponential',
          timeoutMs: 3_600_000
        },
        { name: 'extract-2', after: ['load'], ...limits }
      ]
    })
    assert.deepEqual(
      [...commands].map(([task, { module, words }]) => [task, module, ...words]),
      [
        ['extract', 'extract', 'node', 'extract.ts', '--day', 'today', '--output', 'raw/day.json'],
        [
          'load',
          'load',
          './load',
          'a word',
          '-i',
          'raw/day.json',
          '--output',
          'out',
          '-c',
          'load.json'
        ],
        ['extract-2', 'extract', 'node', 'extract.ts', '--day', 'today']
      ]
    )
    assert.deepEqual(errorHandler, {
      module: 'error_handler',
      words: ['node', 'tell.ts'],
      parameters: new Map()
    })
    assert.equal(read([{ module_name: 'a' }], { a: { cmd: 'a' } }).errorHandler, undefined)
  })

  it('gives every task a name of its own', () => {
    const modules = { a: { cmd: 'a' }, 'a-2': { cmd: 'a2' } }
    const steps = ['a', 'a-2', 'a', 'a-2', 'a'].map((module_name) => ({ module_name }))
    assert.deepEqual(
      read(steps, modules).job.tasks.map(({ name }) => name),
      ['a', 'a-2', 'a-3', 'a-2-2', 'a-4']
    )
  })

  it('refuses both files whole and names every mistake with its place', () => {
    assert.deepEqual(
      mistakesOf(
        [
          { module_name: 'extrct' },
          { module_name: 'load', input: 5, configuration: 'x.json' },
          'load',
          { module_name: 'broken' },
          {},
          { module_name: 'error_handler' }
        ],
        {
          ...MODULES,
          broken: { cmd: 'cat a | wc', retries: 1.5, timeout: '5 parsecs', backoff: 'none' },
          'No Name': { cmd: 'true' },
          odd: { command: 'true', flags: { input: 'i', out: '-o' } },
          text: 'node x.ts'
        }
      ),
      [
        "modules.json, module 'broken': cmd \"cat a | wc\": | found, which needs a shell, expected a program and its arguments; quote it with '…' if it is one",
        "modules.json, module 'broken': retries 1.5 found, expected a whole number from 0 to 1000",
        'modules.json, module \'broken\': backoff "none" found, expected fixed or exponential',
        'modules.json, module \'broken\': timeout "5 parsecs" found, expected a duration such as 250ms, 10s, 5m, 24h or 7d, at least 1ms, at most 7d',
        "modules.json, module 'No Name': expected a name of 1 to 100 letters a to z, digits, _ and -, with a letter or digit first",
        "modules.json, module 'odd': 'command' found, expected cmd, flags, parameters, retries, retry_delay, backoff, timeout",
        'modules.json, module \'odd\': cmd nothing found, expected a command such as "node load.ts", or its words as a list',
        "modules.json, module 'odd', flags: 'out' found, expected input, output, config",
        'modules.json, module \'odd\', flags: input "i" found, expected an option such as "-i"',
        'modules.json, module \'text\': "node x.ts" found, expected an object such as {"cmd": "node load.ts"}',
        'etl_sequences/nightly.json, step 1: module_name "extrct" found, expected a module of modules.json; did you mean extract?',
        "etl_sequences/nightly.json, step 2: 'configuration' found, expected module_name, input, output, conf",
        'etl_sequences/nightly.json, step 2: input 5 found, expected a path',
        'etl_sequences/nightly.json, step 3: "load" found, expected an object such as {"module_name": "load"}',
        'etl_sequences/nightly.json, step 5: module_name nothing found, expected a module of modules.json',
        'etl_sequences/nightly.json, step 6: module_name "error_handler" found, expected another module: this one runs by itself after a failure'
      ]
    )
  })

  it('refuses texts that are not JSON, other forms and a name that leaves the folder', () => {
    const [broken, other] = mistakesOf('[{"module_name": "load",}]', '[]')
    assert.match(other ?? '', /^etl_sequences\/nightly\.json: not JSON: .*position 24/)
    assert.equal(broken, 'modules.json: [] found, expected an object of modules by name')
    const form =
      'etl_sequences/nightly.json: a list of 0 found, expected a list of 1 to 1000 such as [{"module_name": "load"}]'
    assert.deepEqual(mistakesOf([]), [form])
    assert.deepEqual(mistakesOf('null'), [form.replace('a list of 0', 'null')])
    assert.match(
      mistakesOf([{ module_name: 'load' }], MODULES, '../x')[0] ?? '',
      /^sequence '\.\.\/x'/
    )
  })

  it('never throws anything else, and accepts only a good graph', () => {
    const names = fc.constantFrom('extract', 'load', 'error_handler', 'none', '__proto__')
    const step = fc.oneof(
      fc.record({ module_name: names, input: fc.string() }),
      fc.record({ module_name: names, conf: fc.anything() }),
      fc.jsonValue()
    )
    const modules = fc.oneof(
      fc.constant(MODULES),
      fc.jsonValue(),
      fc.dictionary(names, fc.jsonValue())
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 4 }), modules, (steps, given) => {
        const sequence = JSON.stringify(steps)
        if (mistakesOf(sequence, given).length > 0) return
        const { job, commands } = read(sequence, given)
        assert.deepEqual(checkGraph(job), [])
        assert.equal(commands.size, steps.length)
      })
    )
  })

  it('gives parameters of a run to the options of a module, and no option without a value', () => {
    const audit = {
      cmd: 'node audit.ts',
      parameters: { date: ['--from', '--to'], symbol: '--symbols' }
    }
    const { commands } = read([{ module_name: 'audit', output: 'out' }], { audit })
    const command = commands.get('audit')
    assert.ok(command !== undefined)
    assert.deepEqual(commandFor(command, { date: '2026-03-10', other: 'x' }), [
      'node',
      'audit.ts',
      '--output',
      'out',
      '--from',
      '2026-03-10',
      '--to',
      '2026-03-10'
    ])
    // A value is one argument, whatever it looks like.
    assert.deepEqual(commandFor(command, { symbol: 'A B; rm' }).slice(-2), ['--symbols', 'A B; rm'])
    const wrong = { date: 'date', symbol: [], 'no name': '-x', day: [1] }
    const mistakes = mistakesOf([{ module_name: 'audit' }], {
      audit: { ...audit, parameters: wrong }
    })
    assert.equal(mistakes.length, 4)
    assert.match(mistakes[0] ?? '', /parameters: date "date" found, expected .* "--date"/)
    const noObject = mistakesOf([{ module_name: 'audit' }], { audit: { cmd: 'x', parameters: 3 } })
    assert.match(noObject[0] ?? '', /parameters 3 found, expected an object/)
  })
})
