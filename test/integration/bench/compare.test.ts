import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { runBench } from '../../programs/bench/bench-process.ts'
import { checkOut, workingTree } from '../../programs/bench/checkout.ts'
import { OwnScope, temporaryFolder } from '../../support/scope.ts'
import { until } from '../../support/until.ts'

const LIMIT_MS = 20_000
const LOAD = { engineTrades: 500, pipelineTrades: 1000, tape: undefined }
const PACKAGE = { scripts: { 'bench:engine': 'node bench.mjs' } }
/** Says which package of its own it got, and its arguments. */
const BENCH = `import { version } from '@tapedeck/part'
console.log('a table')
console.log(JSON.stringify({ version, args: process.argv.slice(2) }))
`
/** Runs until it is asked to end, and says so. */
const ENDLESS = `import { writeFileSync } from 'node:fs'
process.on('SIGINT', () => { writeFileSync(process.env.ENDED_FILE, 'ended'); process.exit(1) })
writeFileSync(process.env.BEGUN_FILE, 'begun')
setInterval(() => {}, 1000)
`

/** A repository of two commits, the first without a benchmark, with a package of its own and Node. */
async function repository(t: TestContext) {
  const root = await temporaryFolder(t)
  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    writeFileSync(path.join(root, file), text)
  }
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], {
      cwd: root,
      encoding: 'utf8'
    }).trim()
  const commit = (message: string): string => {
    git('add', '.')
    git('commit', '--quiet', '-m', message)
    return git('rev-parse', '--short', 'HEAD')
  }
  git('init', '--quiet')
  write('.gitignore', 'node_modules/\n')
  write('package.json', '{}')
  const without = commit('without')
  write('package.json', JSON.stringify(PACKAGE))
  write('package-lock.json', '{}')
  write('bench.mjs', BENCH)
  write('part/package.json', '{"name":"@tapedeck/part","type":"module","exports":"./index.js"}')
  write('part/index.js', "export const version = 'base'\n")
  const base = commit('base')
  write('part/index.js', "export const version = 'here'\n")
  for (const folder of ['.bin', '@tapedeck']) write(`node_modules/${folder}/.keep`, '')
  symlinkSync(process.execPath, path.join(root, 'node_modules/.bin/node'))
  symlinkSync('../../part', path.join(root, 'node_modules/@tapedeck/part'))
  const worktrees = (): number => git('worktree', 'list').split('\n').length
  return { root, without, base, git, write, worktrees }
}

describe('the versions that bench:compare runs', () => {
  const say = (): void => undefined
  const benches = ['engine'] as const

  it('are the working tree with its changes, and a commit with its own code', async (t) => {
    const { root, base, worktrees } = await repository(t)
    const { signal } = new AbortController()
    const options = { root, benches, signal, say }
    const scope = new OwnScope()
    const here = await workingTree(options)
    const there = await checkOut(base, scope, options)
    assert.equal(here.name, `${base} with changes`)
    assert.equal(there.name, base)
    const linked = path.join(there.folder, 'node_modules/.bin')
    assert.equal(realpathSync(linked), realpathSync(path.join(root, 'node_modules/.bin')))
    const reports = [
      await runBench(here, 'engine', LOAD, signal),
      await runBench(there, 'engine', LOAD, signal)
    ] as { version: string; args: string[] }[]
    assert.deepEqual(
      reports.map(({ version }) => version),
      ['here', 'base']
    )
    assert.equal(reports[1]?.args.join(' '), '--json --trades 500 --rounds 1 --warm-ups 1')
    assert.equal(worktrees(), 2)
    await scope.end()
    assert.equal(worktrees(), 1)
    assert.ok(!existsSync(path.dirname(there.folder)))
    assert.ok(readdirSync(path.join(root, 'node_modules')).includes('.bin'), 'only links went')
  })

  it('are refused when there is no such commit or it has no benchmark', async (t) => {
    const { root, without, worktrees } = await repository(t)
    const options = { root, benches, signal: new AbortController().signal, say }
    await assert.rejects(checkOut('nothing', t, options), /nothing is no commit of this repository/)
    await assert.rejects(
      checkOut(without, t, options),
      new RegExp(`${without} has no npm script bench:engine`)
    )
    assert.equal(worktrees(), 1)
  })

  it('stop and leave nothing behind when they are interrupted', async (t) => {
    const { root, base, write, worktrees } = await repository(t)
    const stopping = new AbortController()
    const options = { root, benches, signal: stopping.signal, say }
    const scope = new OwnScope()
    const there = await checkOut(base, scope, options)
    write('endless.mjs', ENDLESS)
    const [begun, ended] = [path.join(root, 'begun'), path.join(root, 'ended')]
    process.env['BEGUN_FILE'] = begun
    process.env['ENDED_FILE'] = ended
    t.after(() => {
      delete process.env['BEGUN_FILE']
      delete process.env['ENDED_FILE']
    })
    const programs = { ...there.programs, engine: path.join(root, 'endless.mjs') }
    const running = runBench({ ...there, programs }, 'engine', LOAD, stopping.signal)
    running.catch(() => undefined)
    await until('the benchmark runs', () => existsSync(begun), LIMIT_MS)
    stopping.abort()
    await assert.rejects(running, { name: 'AbortError' })
    assert.ok(existsSync(ended), 'it ended before the run was given up')
    await scope.end()
    assert.equal(worktrees(), 1)
  })

  it('tell how a benchmark failed', async (t) => {
    const { root, write } = await repository(t)
    write('bench.mjs', "console.error('no room'); process.exitCode = 2\n")
    const { signal } = new AbortController()
    const here = await workingTree({ root, benches, signal, say })
    await assert.rejects(
      runBench(here, 'engine', LOAD, signal),
      /ended with exit code 2, expected a report:\nno room/
    )
  })
})
