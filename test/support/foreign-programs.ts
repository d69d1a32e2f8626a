import { execFile } from 'node:child_process'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { TapedeckError } from '@tapedeck/core'
import { temporaryFolder } from './scope.ts'

const run = promisify(execFile)
const LIMIT_MS = 300_000

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
