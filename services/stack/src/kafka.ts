import { readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { fetchArchive, fetchInto } from './fetch.ts'
import { notThere, stepOfFetch, stepOfVariable, type Search, type Step } from './find.ts'
import { findJava, type Java } from './java.ts'
import { fetchByMaven } from './maven.ts'
import type { Program } from './servers.ts'

/** The broker's jars and the Java that runs them. */
export interface KafkaProgram extends Program {
  /** Absolute paths, sorted: the class path. */
  readonly jars: readonly string[]
  readonly java: Java
}

const VERSION = '4.3.1'
const CACHE_NAME = `kafka-${VERSION}`

/** KAFKA_HOME, the cache, Maven, then the official release. Each needs a Java, looked for once. */
export function kafkaSteps(search: Search): Step<KafkaProgram>[] {
  let found: ReturnType<typeof findJava> | undefined
  const java = async (signal: AbortSignal): Promise<Java> => {
    found ??= findJava(search, signal)
    const { value } = await found.catch((error: unknown) => {
      throw notThere(messageOf(error))
    })
    return value
  }
  const program = async (home: string, signal: AbortSignal): Promise<KafkaProgram> => {
    const libs = path.join(home, 'libs')
    const { jars, version } = await probeJars(libs)
    return { kind: 'program', path: libs, version, jars, java: await java(signal) }
  }
  return [
    stepOfVariable('KAFKA_HOME', search.env['KAFKA_HOME'], program),
    { name: 'cache', find: (signal) => program(path.join(search.cacheDir, CACHE_NAME), signal) },
    stepOfFetch('Maven', search, async (signal) =>
      program(await fetchJars(search, await java(signal), signal), signal)
    ),
    stepOfFetch('official release', search, async (signal) =>
      program(await fetchKafkaRelease(search, signal), signal)
    )
  ]
}

/**
 * The jars of a folder, if they are a broker that can run: KRaft (3.9 or later) and a logger. Without
 * log4j's bridge to slf4j the broker logs nothing, and nothing shows that it has started.
 */
async function probeJars(folder: string): Promise<Pick<KafkaProgram, 'jars' | 'version'>> {
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

/** What Maven copies; another number is a warning. */
const EXPECTED_JARS = 46

/**
 * The broker's jars from Maven Central. Returns the cached folder, a Kafka home.
 * @throws SERVER_MISSING without Maven; DOWNLOAD_FAILED
 */
function fetchJars(search: Search, java: Java, signal: AbortSignal): Promise<string> {
  return fetchByMaven(
    search,
    java,
    {
      name: CACHE_NAME,
      announcement: `Fetching Kafka ${VERSION} (${EXPECTED_JARS} jars from Maven Central by mvn, 44 MB, checksums strict)`,
      artifacts: [
        `org.apache.kafka:kafka_2.13:${VERSION}`,
        'org.apache.logging.log4j:log4j-slf4j-impl:2.25.4'
      ],
      goal: 'copy-dependencies',
      args: (folder) => [`-DoutputDirectory=${path.join(folder, 'libs')}`],
      async finish(folder) {
        const names = await readdir(path.join(folder, 'libs')).catch(() => [])
        const jars = names.filter((name) => name.endsWith('.jar'))
        if (!jars.includes(`kafka_2.13-${VERSION}.jar`)) {
          throw new TapedeckError('DOWNLOAD_FAILED', 'Maven copied no kafka_2.13 jar')
        }
        if (jars.length !== EXPECTED_JARS) {
          search.progress.warn(`${jars.length} jars found, expected ${EXPECTED_JARS}; continuing`)
        }
      }
    },
    signal
  )
}

/** Apache keeps every release here, each with its SHA-512 in a file beside it. */
const APACHE_ARCHIVE = 'https://archive.apache.org/dist/kafka'

/**
 * Kafka's official binary release, for machines without Maven. Returns the cached folder, a Kafka home.
 *
 * @throws DOWNLOAD_FAILED, CHECKSUM_MISMATCH
 */
export function fetchKafkaRelease(
  search: Pick<Search, 'cacheDir' | 'progress'>,
  signal: AbortSignal,
  site = APACHE_ARCHIVE
): Promise<string> {
  const release = `kafka_2.13-${VERSION}`
  const url = `${site}/${VERSION}/${release}.tgz`
  return fetchInto(
    search,
    {
      name: CACHE_NAME,
      announcement: `Fetching Kafka ${VERSION} (${url}, about 120 MB, SHA-512 checked)`,
      async fill(folder) {
        await fetchArchive(url, folder, signal)
        await rename(path.join(folder, release, 'libs'), path.join(folder, 'libs'))
        await rm(path.join(folder, release), { recursive: true })
      }
    },
    signal
  )
}
