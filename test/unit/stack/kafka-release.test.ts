import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fetchKafkaRelease, sha512In, silentProgress } from '@tapedeck/stack'

const RELEASE = 'kafka_2.13-4.3.1'
const { signal } = new AbortController()

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

describe('sha512In()', () => {
  const hash = '0123456789abcdef'.repeat(8)

  it('reads both forms of a checksum file', () => {
    assert.equal(sha512In(`${hash}  file.tgz\n`), hash)
    assert.equal(sha512In(apacheForm(hash)), hash)
  })

  it('refuses a page that is no checksum file', () => {
    assert.throws(() => sha512In('<html>404</html>'), { code: 'CHECKSUM_MISMATCH' })
  })
})
