import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { messageOf } from '@tapedeck/core'
import { cachedFolder } from './cache.ts'
import { fetchKafkaByMaven, KAFKA_CACHE } from './fetch-kafka.ts'
import { fetchKafkaRelease } from './fetch-kafka-release.ts'
import { findJava, type Java } from './find-java.ts'
import { notThere, type Step } from './first-found.ts'
import type { Search } from './search.ts'

/** The broker's jars and the Java that runs them. */
export interface KafkaProgram {
  readonly kind: 'program'
  /** Absolute paths, sorted: the class path. */
  readonly jars: readonly string[]
  readonly version: string
  readonly java: Java
}

/** KAFKA_HOME, the cache, Maven, then the official release. Each needs a Java, looked for once. */
export function kafkaSteps(search: Search): Step<KafkaProgram>[] {
  const { env, cacheDir } = search
  const home = env['KAFKA_HOME']
  let java: ReturnType<typeof findJava> | undefined
  const program = async (folder: string, signal: AbortSignal): Promise<KafkaProgram> => {
    const { jars, version } = await probeJars(folder)
    java ??= findJava(search, signal)
    const { value } = await java.catch((error: unknown) => {
      throw notThere(messageOf(error))
    })
    return { kind: 'program', jars, version, java: value }
  }
  return [
    {
      name: 'KAFKA_HOME',
      find: async (signal) => {
        if (home === undefined || home === '') throw notThere('not set')
        return program(path.join(home, 'libs'), signal)
      }
    },
    {
      name: 'cache',
      find: (signal) => program(path.join(cachedFolder(cacheDir, KAFKA_CACHE), 'libs'), signal)
    },
    {
      name: 'Maven',
      find: async (signal) => {
        if (!search.mayFetch) throw notThere('nothing is fetched now')
        java ??= findJava(search, signal)
        const found = await java.catch((error: unknown) => {
          throw notThere(messageOf(error))
        })
        const folder = await fetchKafkaByMaven(search, found.value, signal)
        return program(path.join(folder, 'libs'), signal)
      }
    },
    {
      name: 'official release',
      find: async (signal) => {
        if (!search.mayFetch) throw notThere('nothing is fetched now')
        const folder = await fetchKafkaRelease(search, signal)
        return program(path.join(folder, 'libs'), signal)
      }
    }
  ]
}

/**
 * The jars of a folder, if they are a broker that can run: KRaft (4.x, or 3.9) and a logger.
 * Without log4j's bridge to slf4j the broker says nothing and its start cannot be seen.
 */
export async function probeJars(
  folder: string
): Promise<{ jars: readonly string[]; version: string }> {
  const names = await readdir(folder).catch(() => undefined)
  if (names === undefined) throw notThere(`no folder ${folder}`)
  const jars = names.filter((name) => name.endsWith('.jar')).toSorted()
  const version = jars
    .map((name) => /^kafka_2\.1\d-(\d+\.\d+\.\d+)\.jar$/.exec(name)?.[1])
    .find((one) => one !== undefined)
  if (version === undefined) throw notThere(`no kafka_2.13-*.jar in ${folder}`)
  if (Number.parseFloat(version) < 3.9) {
    throw notThere(`${folder} holds Kafka ${version}, expected 3.9 or later`)
  }
  if (!jars.some((name) => /^(log4j-slf4j-impl|slf4j-reload4j)-/.test(name))) {
    throw notThere(`no log4j-slf4j-impl-*.jar in ${folder}`)
  }
  return { jars: jars.map((name) => path.join(folder, name)), version }
}
