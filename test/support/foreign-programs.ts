import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { TapedeckError } from '@tapedeck/core'
import { temporaryFolder } from './scope.ts'

const run = promisify(execFile)
const LIMIT_MS = 300_000

/** A program of the machine that a test needs. */
interface ForeignProgram {
  /** As it is called on PATH; the first one found counts. */
  readonly names: readonly string[]
  /** The variable that names another one. */
  readonly variable: string
  /** In the message: what is expected, and how to get it. */
  readonly what: string
  readonly install: string
}

/** The path of a program: of its variable, or the first one on PATH. @throws when there is none, with how to get one */
export function programPath({ names, variable, what, install: how }: ForeignProgram): string {
  const given = process.env[variable] ?? ''
  const folders = (process.env['PATH'] ?? '').split(path.delimiter)
  const found =
    given === ''
      ? folders.flatMap((folder) => names.map((name) => path.join(folder, name)))
      : [given]
  const runnable = found.find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  if (runnable !== undefined) return runnable
  const where =
    given === '' ? `no ${names[0]} is on PATH` : `${variable} is ${given}, which does not run`
  throw new TapedeckError(
    'SERVER_MISSING',
    `Cannot run this test: ${where}, expected ${what}. Install one (${how}) or set ${variable} to its program`
  )
}

async function install(what: string, command: string, args: readonly string[]): Promise<void> {
  try {
    await run(command, args, { timeout: LIMIT_MS, maxBuffer: 64 * 1024 * 1024 })
  } catch (cause) {
    const { stderr = '', message } = cause as { stderr?: string; message: string }
    throw new TapedeckError(
      'SERVER_FAILED',
      `Cannot install ${what}: ${stderr.trim().split('\n').slice(-3).join(' ') || message}, expected a reachable registry`,
      { cause }
    )
  }
}

/**
 * Python with these packages from PyPI, such as `pandas==2.3.3`, in an environment of its own. Returns its executable.
 * @throws SERVER_FAILED where there is no Python 3 with venv, or PyPI is not reachable
 */
export async function pythonWith(t: TestContext, packages: readonly string[]): Promise<string> {
  const folder = await temporaryFolder(t)
  await install('a Python environment (python3 with venv)', 'python3', ['-m', 'venv', folder])
  const python = path.join(folder, 'bin/python')
  const flags = ['--quiet', '--disable-pip-version-check', '--only-binary', ':all:']
  await install(packages.join(', '), python, ['-m', 'pip', 'install', ...flags, ...packages])
  return python
}

/**
 * A folder with packages from npm, such as `ws@8.18.0`, none of whose install scripts ran.
 * @throws SERVER_FAILED when npm cannot install it
 */
export async function npmFolderWith(t: TestContext, packages: readonly string[]): Promise<string> {
  const folder = await temporaryFolder(t)
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--silent']
  await install(packages.join(', '), 'npm', ['install', '--prefix', folder, ...flags, ...packages])
  return folder
}
