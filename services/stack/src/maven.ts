import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fetchInto } from './fetch.ts'
import { notThere, onPath, runCommand, type Search } from './find.ts'
import type { Java } from './java.ts'
import { megabytes } from './screen.ts'

const MAVEN_LIMIT_MS = 900_000
/** The plugin with its full name and version, so that the machine's Maven does not choose one. */
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'

/** What is fetched from Maven's repository, and how it comes into the cache. */
interface MavenFetch {
  /** The name of the folder in the cache. */
  readonly name: string
  readonly announcement: string
  /** `group:artifact:version` of each. */
  readonly artifacts: readonly string[]
  /** Copies the jars with everything that they need, or unpacks these alone. */
  readonly goal: 'copy-dependencies' | 'unpack-dependencies'
  readonly args: (folder: string) => readonly string[]
  /** Checks and arranges what came. */
  readonly finish: (folder: string) => Promise<void>
}

/**
 * Fetches artifacts by the machine's Maven, with its repository, mirror and proxy settings and strict checksums.
 * Returns the cached folder.
 *
 * @throws SERVER_MISSING without Maven; DOWNLOAD_FAILED
 */
export async function fetchByMaven(
  search: Search,
  java: Java,
  { name, announcement, artifacts, goal, args, finish }: MavenFetch,
  signal: AbortSignal
): Promise<string> {
  const { env, progress } = search
  const [mvn] = await onPath(env, 'mvn')
  if (mvn === undefined) throw notThere('no mvn on PATH')
  return fetchInto(
    search,
    {
      name,
      announcement,
      async fill(folder) {
        const pom = path.join(folder, 'pom.xml')
        await writeFile(pom, pomOf(name, artifacts))
        const options = ['-B', '-C', '-f', pom, `${PLUGIN}:${goal}`, '-DincludeScope=runtime']
        await runCommand(mvn, [...options, ...args(folder)], {
          signal,
          timeoutMs: MAVEN_LIMIT_MS,
          cwd: folder,
          env: { ...env, JAVA_HOME: env['JAVA_HOME'] ?? path.dirname(path.dirname(java.path)) },
          onOutput: downloadCounter((text) => progress.say(`${name}: ${text}`))
        })
        await rm(pom)
        await finish(folder)
      }
    },
    signal
  )
}

function pomOf(name: string, artifacts: readonly string[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, id, version] = artifact.split(':')
    return `    <dependency>
      <groupId>${group}</groupId><artifactId>${id}</artifactId>
      <version>${version}</version>
    </dependency>`
  })
  return `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>tapedeck</groupId><artifactId>${name}</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
${dependencies.join('\n')}
  </dependencies>
</project>
`
}

const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6 }
const TELL_EVERY_MS = 1000

/** Maven downloads into its own repository, so the progress is counted from its output. */
function downloadCounter(say: (text: string) => void): (piece: string) => void {
  let rest = ''
  let files = 0
  let bytes = 0
  let toldAtMs = performance.now()
  return (piece) => {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const match = /Downloaded from .*\(([\d.]+) (B|kB|MB) at/.exec(line)
      if (match === null) continue
      files++
      bytes += Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0)
    }
    if (files > 0 && performance.now() - toldAtMs >= TELL_EVERY_MS) {
      toldAtMs = performance.now()
      say(`${files} files, ${megabytes(bytes)} so far`)
    }
  }
}
