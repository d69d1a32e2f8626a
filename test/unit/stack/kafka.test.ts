import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import {
  fetchKafkaRelease,
  firstFound,
  kafkaSteps,
  silentProgress,
  type Search
} from '@tapedeck/stack/testing'
import { JAVA_17, machine, options } from './machine.ts'

const RELEASE = 'kafka_2.13-4.3.1'
const { signal } = options

/** A site with a release of one jar, and the checksum file that is given. */
async function site(
  t: TestContext,
  checksumOf: (hash: string) => string
): Promise<{ url: string; cacheDir: string }> {
  const root = await mkdtemp(path.join(tmpdir(), 'tapedeck-release-'))
  await mkdir(path.join(root, RELEASE, 'libs'), { recursive: true })
  await mkdir(path.join(root, RELEASE, 'bin'))
  await writeFile(path.join(root, RELEASE, 'libs', `${RELEASE}.jar`), 'a jar')
  execFileSync('tar', ['-czf', path.join(root, 'release.tgz'), '-C', root, RELEASE])
  const archive = await readFile(path.join(root, 'release.tgz'))
  const checksum = checksumOf(createHash('sha512').update(archive).digest('hex'))
  const server = createServer((request, response) => {
    if (request.url === `/4.3.1/${RELEASE}.tgz.sha512`) response.end(checksum)
    else if (request.url === `/4.3.1/${RELEASE}.tgz`) response.end(archive)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await rm(root, { recursive: true, force: true })
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, cacheDir: path.join(root, 'cache') }
}

/** As Apache writes it: name, colon, groups of eight over several lines. */
function apacheForm(hash: string): string {
  const groups = hash.toUpperCase().match(/.{8}/g) ?? []
  return `${RELEASE}.tgz: ${groups.slice(0, 8).join(' ')}\n    ${groups.slice(8).join(' ')}\n`
}

describe('fetchKafkaRelease()', () => {
  it('keeps only the jars of a release whose checksum is right', async (t) => {
    const { url, cacheDir } = await site(t, apacheForm)
    const search = { cacheDir, progress: silentProgress }
    const folder = await fetchKafkaRelease(search, signal, url)
    assert.deepEqual(await readdir(folder), ['libs'])
    assert.deepEqual(await readdir(path.join(folder, 'libs')), [`${RELEASE}.jar`])
  })

  it('refuses a release whose checksum is another', async (t) => {
    const { url, cacheDir } = await site(t, () => `${'ab'.repeat(64)}  ${RELEASE}.tgz\n`)
    const search = { cacheDir, progress: silentProgress }
    await assert.rejects(fetchKafkaRelease(search, signal, url), { code: 'CHECKSUM_MISMATCH' })
    assert.deepEqual(await readdir(cacheDir), [])
  })

  it('says what the site answered when it has no such release', async (t) => {
    const { url, cacheDir } = await site(t, apacheForm)
    const search = { cacheDir, progress: silentProgress }
    await assert.rejects(fetchKafkaRelease(search, signal, `${url}/elsewhere`), {
      code: 'DOWNLOAD_FAILED',
      message: /answers 404, expected 200/
    })
  })
})

async function jars(search: Search, folder: string, names: readonly string[]): Promise<string> {
  const libs = path.join(search.cacheDir, folder, 'libs')
  await mkdir(libs, { recursive: true })
  for (const name of names) await writeFile(path.join(libs, name), '')
  return path.dirname(libs)
}

describe('kafkaSteps()', () => {
  const good = ['kafka_2.13-4.3.1.jar', 'log4j-slf4j-impl-2.25.4.jar', 'kafka-clients-4.3.1.jar']

  it('prefers KAFKA_HOME to the cache', async (t) => {
    const { search, program } = await machine(t)
    await program('bin/java', JAVA_17)
    await jars(search, 'kafka-4.3.1', good)
    const home = await jars(search, 'own', ['kafka_2.13-4.1.2.jar', 'log4j-slf4j-impl-2.25.4.jar'])
    const env = { ...search.env, KAFKA_HOME: home }
    const first = await firstFound('Kafka', kafkaSteps({ ...search, env }), options)
    assert.equal(first.from, 'KAFKA_HOME')
    assert.equal(first.value.version, '4.1.2')
    const second = await firstFound('Kafka', kafkaSteps(search), options)
    assert.equal(second.from, 'cache')
    assert.deepEqual(
      second.value.jars.map((jar) => path.basename(jar)),
      good.toSorted()
    )
  })

  it('refuses jars that would start silently or are too old', async (t) => {
    const { search, program } = await machine(t)
    await program('bin/java', JAVA_17)
    await jars(search, 'kafka-4.3.1', ['kafka_2.13-4.3.1.jar'])
    const home = await jars(search, 'own', ['kafka_2.13-3.7.0.jar'])
    const env = { ...search.env, KAFKA_HOME: home }
    await assert.rejects(
      firstFound('Kafka', kafkaSteps({ ...search, env }), options),
      (error: Error) => {
        assert.match(error.message, /KAFKA_HOME: .*holds Kafka 3\.7\.0, expected 3\.9 or later/)
        assert.match(error.message, /cache: no log4j-slf4j-impl/)
        return true
      }
    )
  })

  it('reports missing Java when the jars are there', async (t) => {
    const { search } = await machine(t)
    await jars(search, 'kafka-4.3.1', good)
    await assert.rejects(
      firstFound('Kafka', kafkaSteps(search), options),
      /cache: Cannot find Java 17 or later/
    )
  })

  it('reports missing Maven when nothing is there', async (t) => {
    const { search, program } = await machine(t)
    await program('bin/java', JAVA_17)
    const [, , maven] = kafkaSteps({ ...search, mayFetch: true })
    assert.ok(maven)
    await assert.rejects(maven.find(signal), { code: 'SERVER_MISSING', message: 'no mvn on PATH' })
  })
})
