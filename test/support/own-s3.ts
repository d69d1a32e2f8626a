import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { readEnv, text } from '@tapedeck/core'
import {
  LAKE_LOCATION_VARIABLES,
  lakeLocation,
  lakeProblems,
  type LakeLocation
} from '@tapedeck/lake'
import {
  fetchByMaven,
  firstFound,
  javaSteps,
  readConfig,
  searchOf,
  silentProgress
} from '@tapedeck/stack/testing'
import { freePort } from './free-port.ts'
import { temporaryFolder, type Scope } from './scope.ts'
import { until } from './until.ts'

const VERSION = '4.1.1'
/** S3Proxy without what it needs for the clouds of others. */
const ARTIFACTS = [
  // Before S3Proxy's own, which is too old for its other library of JSON.
  'com.fasterxml.jackson.core:jackson-annotations:2.22',
  `org.gaul:s3proxy:${VERSION}`
]
const LEFT_OUT = [
  'com.azure',
  'com.github.openstack4j.core',
  'com.google.api',
  'com.google.api.grpc',
  'com.google.cloud',
  'com.google.protobuf',
  'io.grpc',
  'io.netty',
  'io.opentelemetry',
  'io.projectreactor',
  'io.projectreactor.netty',
  'net.java.dev.jna',
  'org.apache.sshd'
]
const START_LIMIT_MS = 60_000
const BUCKET = 'tape-lake'

export interface OwnS3 {
  readonly endpoint: string
  /** Where the server keeps the bucket: a file an object, by its key. */
  readonly folder: string
  /** What says to a program that the lake is in that bucket. */
  readonly env: Readonly<Record<string, string>>
  /** The same, with a folder of this machine and other settings. */
  location(dir: string, more?: Readonly<Record<string, string>>): LakeLocation
}

/**
 * A store that speaks S3 for this test alone, with a bucket: S3Proxy, which checks signatures and conditions. It is
 * fetched by Maven when the cache lacks it; a missing one is a failure.
 */
export async function ownS3(scope: Scope): Promise<OwnS3> {
  const { java, home } = await program()
  const dir = await temporaryFolder(scope)
  const folder = path.join(dir, 'objects', BUCKET)
  await mkdir(folder, { recursive: true })
  const endpoint = `http://127.0.0.1:${await freePort()}`
  const [keyId, secretKey] = ['lake-key-of-test', 'lake-secret-of-test']
  const properties = {
    's3proxy.endpoint': endpoint,
    's3proxy.authorization': 'aws-v4',
    's3proxy.identity': keyId,
    's3proxy.credential': secretKey,
    'jclouds.provider': 'filesystem-nio2',
    'jclouds.filesystem.basedir': path.dirname(folder)
  }
  const [settings, logging] = [path.join(dir, 's3proxy.conf'), path.join(dir, 'logback.xml')]
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`)
  await writeFile(settings, lines.join(''))
  await writeFile(logging, '<configuration><root level="OFF"/></configuration>')
  const flags = ['-Xmx256m', '-XX:TieredStopAtLevel=1', `-Dlogback.configurationFile=${logging}`]
  const main = ['-cp', path.join(home, '*'), 'org.gaul.s3proxy.Main', '--properties', settings]
  const child = spawn(java, [...flags, ...main], { stdio: 'ignore' })
  const closed = once(child, 'close')
  scope.after(async () => {
    child.kill('SIGKILL')
    await closed
  })
  await until(
    `S3Proxy answers at ${endpoint}`,
    () => {
      if (child.exitCode !== null) throw new Error(`S3Proxy ended with ${child.exitCode}`)
      return fetch(endpoint).then(
        () => true,
        () => false
      )
    },
    START_LIMIT_MS
  )
  const env = {
    LAKE_S3_URL: `s3://${BUCKET}/lakes/of tests`,
    LAKE_S3_ENDPOINT: endpoint,
    AWS_ACCESS_KEY_ID: keyId,
    AWS_SECRET_ACCESS_KEY: secretKey
  }
  const shape = { ...LAKE_LOCATION_VARIABLES, TAPEDECK_DATA_DIR: text('./.data') }
  const location = (lakeDir: string, more: Readonly<Record<string, string>> = {}): LakeLocation =>
    lakeLocation(readEnv({ ...env, LAKE_DIR: lakeDir, ...more }, shape, lakeProblems))
  return { endpoint, folder, env, location }
}

/** The Java of this machine and the jars of the cache. */
async function program(): Promise<{ readonly java: string; readonly home: string }> {
  const { signal } = new AbortController()
  const search = searchOf(readConfig(process.env), silentProgress)
  const { value: java } = await firstFound('Java 17 or later', javaSteps(search), {
    signal,
    remedy: 'Install a Java runtime or set JAVA_HOME'
  })
  const fetched = {
    name: `s3proxy-${VERSION}`,
    announcement: `Fetching S3Proxy ${VERSION} (from Maven Central by mvn, 36 MB, checksums strict)`,
    artifacts: ARTIFACTS,
    goal: 'copy-dependencies',
    args: (folder: string) => [
      `-DoutputDirectory=${folder}`,
      `-DexcludeGroupIds=${LEFT_OUT.join(',')}`
    ],
    finish: () => Promise.resolve()
  } as const
  return { java: java.path, home: await fetchByMaven(search, java, fetched, signal) }
}
