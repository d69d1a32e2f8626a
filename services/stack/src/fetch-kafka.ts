import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'
import { fetchInto } from './cache.ts'
import type { Java } from './find-java.ts'
import { notThere } from './first-found.ts'
import { runCommand } from './run-command.ts'
import { onPath, type Search } from './search.ts'

export const KAFKA_VERSION = '4.3.1'
export const KAFKA_CACHE = `kafka-${KAFKA_VERSION}`

/** What the pom below resolves to; another number is told, not refused. */
const EXPECTED_JARS = 46
const DOWNLOAD_LIMIT_MS = 900_000
const TELL_EVERY_MS = 1000
/** The plugin by its full name and version, so that the machine's Maven chooses nothing. */
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'

const POM = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>tapedeck</groupId><artifactId>kafka-runtime</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.4</version>
    </dependency>
  </dependencies>
</project>
`

/**
 * The broker's jars by the machine's Maven, checksums strict; its repository, mirror and proxy
 * settings count. Answers the cached folder; the jars are in its `libs`.
 *
 * @throws SERVER_MISSING without Maven; DOWNLOAD_FAILED
 */
export async function fetchKafkaByMaven(
  search: Search,
  java: Java,
  signal: AbortSignal
): Promise<string> {
  const { env, cacheDir, progress } = search
  const [mvn] = await onPath(env, 'mvn')
  if (mvn === undefined) throw notThere('no mvn on PATH')
  return fetchInto(
    cacheDir,
    {
      name: KAFKA_CACHE,
      announcement: `Fetching Kafka ${KAFKA_VERSION} (${EXPECTED_JARS} jars from Maven Central by mvn, 44 MB, checksums strict)`,
      async fill(folder) {
        const pom = path.join(folder, 'pom.xml')
        const libs = path.join(folder, 'libs')
        await writeFile(pom, POM)
        await mkdir(libs)
        await runCommand(
          mvn,
          ['-B', '-C', '-f', pom, COPY, '-DincludeScope=runtime', `-DoutputDirectory=${libs}`],
          {
            signal,
            timeoutMs: DOWNLOAD_LIMIT_MS,
            cwd: folder,
            env: { ...env, JAVA_HOME: env['JAVA_HOME'] ?? path.dirname(path.dirname(java.path)) },
            onOutput: tellDownloads((text) => progress.say(`${KAFKA_CACHE}: ${text}`))
          }
        )
        await rm(pom)
        const jars = (await readdir(libs)).filter((name) => name.endsWith('.jar'))
        if (!jars.includes(`kafka_2.13-${KAFKA_VERSION}.jar`)) {
          throw new TapedeckError('DOWNLOAD_FAILED', 'Maven copied no kafka_2.13 jar')
        }
        if (jars.length !== EXPECTED_JARS) {
          progress.warn(`${jars.length} jars found, expected ${EXPECTED_JARS}; going on`)
        }
      }
    },
    { progress, signal }
  )
}

const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6 }

/** Maven downloads into its own repository: its output is what can be counted. */
function tellDownloads(
  say: (text: string) => void,
  now: () => number = Date.now
): (piece: string) => void {
  let rest = ''
  let files = 0
  let bytes = 0
  let toldAtMs = now()
  return (piece) => {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const match = /Downloaded from .*\(([\d.]+) (B|kB|MB) at/.exec(line)
      if (match === null) continue
      files++
      bytes += Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0)
    }
    if (files > 0 && now() - toldAtMs >= TELL_EVERY_MS) {
      toldAtMs = now()
      say(`${files} files, ${(bytes / 1e6).toFixed(1)} MB so far`)
    }
  }
}
