import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { isObject, messageOf, TapedeckError } from '@tapedeck/core'
import type { Scope } from '../../support/scope.ts'
import type { Bench } from './compare-arguments.ts'

const execute = promisify(execFile)
const MOST_OUTPUT = 64 * 1024 * 1024
/** Packages of the project itself: links into the tree that they stand in. */
const OWN_PACKAGES = '@tapedeck'

/** A version of the project in a folder, with packages. */
export interface Version {
  /** A short hash, and whether there are changes that are not committed. */
  readonly name: string
  readonly folder: string
  /** The file that each benchmark runs. */
  readonly programs: Readonly<Record<Bench, string>>
}

interface CheckoutOptions {
  /** The working tree of a repository. */
  readonly root: string
  readonly benches: readonly Bench[]
  readonly signal: AbortSignal
  say(text: string): void
}

/**
 * The version in the working tree, changes included.
 * @throws CONFIG_INVALID when it lacks one of the benchmarks or is in no git repository
 */
export async function workingTree({ root, benches, signal }: CheckoutOptions): Promise<Version> {
  const hash = await git(root, ['rev-parse', '--short', 'HEAD'], signal)
  const changes = await git(root, ['status', '--porcelain'], signal)
  const name = changes === '' ? hash : `${hash} with changes`
  const manifest = await readFile(path.join(root, 'package.json'), 'utf8')
  return { name, folder: root, programs: programsIn(manifest, name, benches) }
}

/**
 * Checks a commit out into a temporary worktree that goes with the scope.
 * @throws CONFIG_INVALID for an unknown commit, or one without one of the benchmarks; SERVER_FAILED when its
 * packages cannot be installed
 */
export async function checkOut(
  commit: string,
  scope: Scope,
  { root, benches, signal, say }: CheckoutOptions
): Promise<Version> {
  const hash = await hashOf(commit, root, signal)
  const name = await git(root, ['rev-parse', '--short', hash], signal)
  const manifest = await git(root, ['show', `${hash}:package.json`], signal).catch(() => '{}')
  const programs = programsIn(manifest, name, benches)
  const parent = await mkdtemp(path.join(tmpdir(), 'tapedeck-compare-'))
  const folder = path.join(parent, name)
  scope.after(async () => {
    say(`removes ${folder}`)
    await git(root, ['worktree', 'remove', '--force', folder], undefined).catch(() => undefined)
    await rm(parent, { recursive: true, force: true, maxRetries: 3 })
  })
  say(`checks out ${name} into ${folder}`)
  await git(root, ['worktree', 'add', '--detach', '--quiet', folder, hash], signal)
  await addPackages(root, folder, signal, say)
  return { name, folder, programs }
}

async function hashOf(commit: string, root: string, signal: AbortSignal): Promise<string> {
  const wanted = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}^{commit}`]
  try {
    return await git(root, wanted, signal)
  } catch (error) {
    signal.throwIfAborted()
    await git(root, ['rev-parse', '--git-dir'], signal)
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot compare: ${commit} is no commit of this repository, expected a hash, a branch or a tag ` +
        '(a shallow clone lacks older commits: git fetch --unshallow)',
      { cause: error }
    )
  }
}

function programsIn(
  manifest: string,
  version: string,
  benches: readonly Bench[]
): Version['programs'] {
  const { scripts } = JSON.parse(manifest) as { scripts?: unknown }
  const programs = { engine: '', pipeline: '' }
  for (const bench of benches) {
    const script = isObject(scripts) ? scripts[`bench:${bench}`] : undefined
    const [, file] = /^node (\S+)$/.exec(typeof script === 'string' ? script : '') ?? []
    if (file === undefined) {
      throw new TapedeckError(
        'CONFIG_INVALID',
        `Cannot compare: ${version} has no npm script bench:${bench} of the form 'node FILE', expected a commit that has`
      )
    }
    programs[bench] = file
  }
  return programs
}

/** The packages of the tree where both need the same, else those of the version. */
async function addPackages(
  root: string,
  folder: string,
  signal: AbortSignal,
  say: (text: string) => void
): Promise<void> {
  const locks = await Promise.all(
    [root, folder].map((each) => readFile(path.join(each, 'package-lock.json'), 'utf8'))
  )
  if (locks[0] === locks[1]) {
    await linkPackages(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
    return
  }
  say('has another package-lock.json: npm ci')
  try {
    const args = ['ci', '--prefer-offline', '--no-audit', '--no-fund']
    await execute('npm', args, { cwd: folder, signal, maxBuffer: MOST_OUTPUT })
  } catch (error) {
    signal.throwIfAborted()
    throw new TapedeckError('SERVER_FAILED', `npm ci in ${folder} failed: ${messageOf(error)}`, {
      cause: error
    })
  }
}

/** Links every package, but the project's own, which would be those of the other tree. */
async function linkPackages(from: string, to: string): Promise<void> {
  await mkdir(to)
  for (const name of await readdir(from)) {
    const [source, target] = [path.join(from, name), path.join(to, name)]
    if (name === OWN_PACKAGES) await cp(source, target, { recursive: true, verbatimSymlinks: true })
    else await symlink(source, target)
  }
}

async function git(
  cwd: string,
  args: readonly string[],
  signal: AbortSignal | undefined
): Promise<string> {
  try {
    const { stdout } = await execute('git', args, { cwd, signal, maxBuffer: MOST_OUTPUT })
    return stdout.trimEnd()
  } catch (error) {
    signal?.throwIfAborted()
    throw new TapedeckError('CONFIG_INVALID', `git ${args[0]} failed: ${messageOf(error)}`, {
      cause: error
    })
  }
}
