import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { VARIABLES } from '../../programs/settings/documents.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}

/** Tools of others, which have a help of their own, and the script that runs several scripts. */
const FOREIGN = ['mutants', 'typecheck', 'lint', 'format', 'format:check', 'knip', 'verify']
/** `npm test` with another choice of layers. */
const LAYERS = ['test:unit', 'test:integration', 'test:e2e']
const OURS = Object.keys(scripts).filter((name) => ![...FOREIGN, ...LAYERS].includes(name))

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the script as npm does, with one argument more. */
function run(name: string, argument: string): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const env = {
    ...process.env,
    PATH: `${path.join(root, 'node_modules/.bin')}${path.delimiter}${process.env['PATH'] ?? ''}`
  }
  const options = { cwd: root, env, timeout: 60_000 }
  execFile('/bin/sh', ['-c', `${scripts[name]} ${argument}`], options, (error, stdout, stderr) =>
    resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
  )
  return promise
}

// Run as processes, because a script's own words are what a user types.
describe('the help of every npm command', { concurrency: 2 }, () => {
  it('is asked of the scripts that run programs of this project', () => {
    assert.deepEqual(
      FOREIGN.filter((name) => /\bnode \S+\.ts/.test(scripts[name] ?? '')),
      []
    )
    for (const name of LAYERS) assert.match(scripts[name] ?? '', /^node test\/run\.ts [a-z0-9 ]+$/)
    assert.ok(OURS.length > 15)
  })

  for (const name of OURS) {
    it(`npm run ${name} -- --help says what it does, its settings, exit codes and an example`, async () => {
      const { code, stdout, stderr } = await run(name, '--help')
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
      assert.match(stdout, /^[A-Z].*\S\n/)
      assert.match(stdout, new RegExp(`^ {2}npm (run )?${name}\\b`, 'm'))
      assert.match(stdout, /^ {2}--help {2,}this text$/m)
      assert.match(stdout, /^Exit codes: 0 [^]+?, 1 [^]+?, 2 [^]+?\.$/m)
      assert.match(stdout, /^Example\n {2}npm .+\n$/m)
      const long = stdout.split('\n').filter((line) => line.length > 110)
      assert.deepEqual(long, [])
      const settings = /^Settings, .*\n((?: {2}\S.*\n)+)/m.exec(stdout)?.[1] ?? ''
      for (const [, setting = ''] of settings.matchAll(/^ {2}([A-Z_]+) /gm)) {
        assert.ok(setting in VARIABLES, setting)
      }
    })

    it(`npm run ${name} refuses an unknown option and says which was probably meant`, async () => {
      const { code, stdout, stderr } = await run(name, '--hepl')
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
      assert.match(stderr, /unknown option --hepl found, did you mean --help\?/)
    })
  }
})
