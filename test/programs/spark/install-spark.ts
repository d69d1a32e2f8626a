import { mkdir, readdir, realpath, rename, rm, statfs, writeFile } from 'node:fs/promises'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { TapedeckError, type Env } from '@tapedeck/core'
import {
  fetchInto,
  firstFound,
  javaSteps,
  readConfig,
  searchOf,
  type Progress,
  type Search
} from '@tapedeck/stack/testing'

const execute = promisify(execFile)

const VERSION = '4.3.0'
/** Of the source archive of pyspark, the only file that PyPI has of it. */
const SHA256 = 'e8c517948eff7088a7aa07449aa8eafa4a15a8d50319de2525a6fd26622476c6'
/** The archive, the wheel that pip builds of it, and what is installed. */
const DISK_BYTES = 2.5e9
const PIP_LIMIT_MS = 1_800_000
const JAVA_LIMIT_MS = 60_000

/** A Spark with its Java. */
export interface SparkInstallation {
  readonly home: string
  readonly javaHome: string
}

/**
 * The Spark of SPARK_HOME, or one from PyPI that is kept in TAPEDECK_CACHE_DIR.
 * @throws SERVER_MISSING without a Java or a Python with venv; DISK_FULL; DOWNLOAD_FAILED; ABORTED
 */
export async function installSpark(
  env: Env,
  progress: Progress,
  signal: AbortSignal
): Promise<SparkInstallation> {
  const search = searchOf(readConfig(env), progress, false)
  const javaHome = await findJavaHome(search, signal)
  const given = env['SPARK_HOME'] ?? ''
  const home = given === '' ? await fetchSpark(search, signal) : given
  return { home, javaHome }
}

/** The Java that the stack fetches for the broker has not all modules that Spark needs. */
async function findJavaHome(search: Search, signal: AbortSignal): Promise<string> {
  const steps = javaSteps(search).filter(({ name }) => !/cache|pip/.test(name))
  const { value } = await firstFound('Java 17 or later, which Spark needs', steps, {
    signal,
    remedy: 'Install one (apt-get install openjdk-17-jre-headless) or set JAVA_HOME'
  })
  return path.dirname(path.dirname(await realpath(value.path)))
}

function fetchSpark(search: Search, signal: AbortSignal): Promise<string> {
  const { env, cacheDir } = search
  return fetchInto(
    search,
    {
      name: `pyspark-${VERSION}`,
      announcement: `Fetching Spark ${VERSION} (pyspark by pip, 456 MB, 0.5 GB on disk afterwards, SHA-256 checked)`,
      async fill(folder) {
        await checkRoom(cacheDir)
        const [venv, temporary] = [path.join(folder, 'venv'), path.join(folder, 'tmp')]
        await mkdir(temporary)
        await execute('python3', ['-m', 'venv', venv], { signal, timeout: JAVA_LIMIT_MS }).catch(
          (cause: unknown) => {
            const message = `Cannot make a Python environment, expected python3 with venv and pip (apt-get install python3-venv), or SPARK_HOME: ${endOf(cause)}`
            throw new TapedeckError('SERVER_MISSING', message, { cause })
          }
        )
        const requirements = path.join(folder, 'requirements.txt')
        await writeFile(requirements, `pyspark==${VERSION} --hash=sha256:${SHA256}\n`)
        const flags = ['--no-deps', '--require-hashes', '--no-cache-dir', '--quiet']
        await execute(
          path.join(venv, 'bin/python'),
          ['-m', 'pip', 'install', '--disable-pip-version-check', ...flags, '-r', requirements],
          // Where the size of what pip collects can be read.
          { signal, timeout: PIP_LIMIT_MS, env: { ...env, TMPDIR: temporary } }
        ).catch((cause: unknown) => {
          throw new TapedeckError(
            'DOWNLOAD_FAILED',
            `pip cannot install pyspark: ${endOf(cause)}`,
            { cause }
          )
        })
        await keepPackage(folder, venv)
        for (const part of [venv, temporary, requirements]) {
          await rm(part, { recursive: true, force: true })
        }
      }
    },
    signal
  )
}

/** The package is a whole Spark; the environment around it is not needed. */
async function keepPackage(folder: string, venv: string): Promise<void> {
  const [python = ''] = await readdir(path.join(venv, 'lib'))
  const spark = path.join(venv, 'lib', python, 'site-packages/pyspark')
  for (const name of await readdir(spark)) {
    await rename(path.join(spark, name), path.join(folder, name))
  }
}

async function checkRoom(cacheDir: string): Promise<void> {
  const { bavail, bsize } = await statfs(cacheDir)
  if (bavail * bsize >= DISK_BYTES) return
  throw new TapedeckError(
    'DISK_FULL',
    `Cannot install Spark: the disk of ${cacheDir} has ${(bavail * bsize) / 1e9} GB left, expected ${DISK_BYTES / 1e9} GB`
  )
}

/** The last lines that a program printed. */
function endOf(cause: unknown): string {
  const { stderr = '', message } = cause as { stderr?: string; message: string }
  return stderr.trim().split('\n').slice(-3).join(' ') || message
}
