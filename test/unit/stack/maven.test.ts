import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { fetchByMaven } from '@tapedeck/stack/testing'
import { machine, options } from './machine.ts'

const { signal } = options

describe('fetchByMaven()', () => {
  it('asks for the artifacts with strict checksums and keeps what it was given', async (t) => {
    const { search, program } = await machine(t)
    const script = '#!/bin/sh\necho "$@" > arguments\ncp pom.xml asked.xml\n'
    await writeFile(await program('bin/mvn', ''), script)
    const env = { PATH: `${search.env['PATH']}:/usr/bin:/bin` }
    const folder = await fetchByMaven(
      { ...search, env },
      { path: '/opt/java/bin/java', major: 17 },
      {
        name: 'a-server',
        announcement: 'Fetching a server',
        artifacts: ['org.example:server:1.2'],
        goal: 'copy-dependencies',
        args: (into) => [`-DoutputDirectory=${into}/libs`],
        finish: async (into) => assert.match(await readFile(`${into}/arguments`, 'utf8'), /-C /)
      },
      signal
    )
    assert.equal(folder, path.join(search.cacheDir, 'a-server'))
    const asked = await readFile(path.join(folder, 'asked.xml'), 'utf8')
    assert.match(
      asked,
      /<groupId>org\.example<\/groupId><artifactId>server<\/artifactId>\s+<version>1\.2</
    )
  })
})
