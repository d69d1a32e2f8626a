import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'

const LAUNCH = path.resolve(import.meta.dirname, '../../../services/stack/src/launch.js')

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs launch.js with a program of one line, in a folder with that `.env`. */
async function launch(
  t: TestContext,
  {
    source = SHOW,
    dotenv,
    env = {},
    nodeFlags = [],
    launcher = LAUNCH,
    args = []
  }: {
    source?: string
    dotenv?: string | Buffer
    env?: NodeJS.ProcessEnv
    nodeFlags?: string[]
    launcher?: string
    args?: string[]
  }
): Promise<Ended> {
  const cwd = await mkdtemp(path.join(tmpdir(), 'tapedeck-launch-'))
  t.after(() => rm(cwd, { recursive: true, force: true }))
  await writeFile(path.join(cwd, 'program.ts'), source)
  if (dotenv !== undefined) await writeFile(path.join(cwd, '.env'), dotenv)
  const { SYMBOLS: _s, FINNHUB_TOKEN: _f, ...inherited } = process.env
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...nodeFlags, launcher, 'program.ts', ...args],
      { cwd, env: { ...inherited, ...env }, timeout: 60_000 },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    )
  })
}

const SHOW =
  'const { FINNHUB_TOKEN = null, SYMBOLS = null } = process.env as Record<string, string>; ' +
  'console.log(JSON.stringify([FINNHUB_TOKEN, SYMBOLS, process.argv.slice(2)]))'
const LINES = 'FINNHUB_TOKEN=abc123\r\nSYMBOLS=AAPL,MSFT\r\n'

describe('launch.js', () => {
  const encodings: readonly [string, Buffer][] = [
    ['UTF-8', Buffer.from(LINES)],
    ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${LINES}`)],
    ['UTF-16 as PowerShell writes it', Buffer.from(`\ufeff${LINES}`, 'utf16le')],
    ['UTF-16 without a mark', Buffer.from(LINES, 'utf16le')],
    ['UTF-16 of the other order', Buffer.from(`\ufeff${LINES}`, 'utf16le').swap16()]
  ]
  for (const [name, dotenv] of encodings) {
    it(`reads .env in ${name}`, async (t) => {
      const { stdout, stderr } = await launch(t, { dotenv, args: ['--one', 'two'] })
      assert.deepEqual(JSON.parse(stdout), ['abc123', 'AAPL,MSFT', ['--one', 'two']], stderr)
    })
  }

  it('reads comments, quotes, line breaks in quotes and export as Node does', async (t) => {
    const dotenv = '# note\nexport FINNHUB_TOKEN = abc123 # my key\nSYMBOLS="AAPL,\nMSFT"\n'
    assert.deepEqual(JSON.parse((await launch(t, { dotenv })).stdout), [
      'abc123',
      'AAPL,\nMSFT',
      []
    ])
  })

  it('prefers what is set in the shell', async (t) => {
    const { stdout } = await launch(t, { dotenv: LINES, env: { SYMBOLS: 'SPY' } })
    assert.deepEqual(JSON.parse(stdout), ['abc123', 'SPY', []])
  })

  it('keeps what is compiled, of the processes that it starts too', async (t) => {
    const source =
      `import { getCompileCacheDir } from 'node:module'\n` +
      'console.log(JSON.stringify([process.env.NODE_COMPILE_CACHE, getCompileCacheDir()]))'
    const run = async (env: NodeJS.ProcessEnv): Promise<string[]> =>
      JSON.parse((await launch(t, { source, env })).stdout) as string[]
    const cache = await mkdtemp(path.join(tmpdir(), 'tapedeck-launch-'))
    t.after(() => rm(cache, { recursive: true, force: true }))
    const kept = path.join(cache, 'node-compile')
    const [given, used = ''] = await run({
      TAPEDECK_CACHE_DIR: cache,
      NODE_COMPILE_CACHE: undefined
    })
    assert.equal(given, kept)
    assert.ok(used.startsWith(kept + path.sep), used)
    const [ofUser] = await run({ TAPEDECK_CACHE_DIR: cache, NODE_COMPILE_CACHE: `${cache}/own` })
    assert.equal(ofUser, `${cache}/own`)
  })

  it('says that a file in no known encoding is none', async (t) => {
    for (const dotenv of [
      Buffer.from([0x41, 0x3d, 0xe9, 0xff, 0x0a]),
      Buffer.from('A=1\0\0\0\0')
    ]) {
      const { code, stderr } = await launch(t, { dotenv })
      assert.equal(code, 2)
      assert.match(stderr, /^Cannot start: \.env is no text in utf-8, expected UTF-8 or UTF-16\n$/)
    }
  })

  it('tells a Node that cannot run TypeScript, in one line, what to install', async (t) => {
    const { code, stdout, stderr } = await launch(t, { nodeFlags: ['--no-strip-types'] })
    assert.equal(code, 2)
    assert.equal(stdout, '')
    assert.match(
      stderr,
      /^Cannot start: Node [\d.]+ found, expected 22\.18 or newer.*--omit=dev.*\n$/
    )
  })

  it('tells a checkout without packages, in one line, what to run', async (t) => {
    const root = await mkdtemp(path.join(tmpdir(), 'tapedeck-checkout-'))
    t.after(() => rm(root, { recursive: true, force: true }))
    const launcher = path.join(root, 'services/stack/src/launch.mjs')
    await cp(LAUNCH, launcher, { recursive: true })
    const { code, stderr } = await launch(t, { launcher })
    assert.equal(code, 2)
    assert.match(stderr, /^Cannot start: no packages are installed .*expected npm ci.*\n$/)
  })

  it('keeps requests to this machine off a proxy', async (t) => {
    const source = `
      import { createServer } from 'node:http'
      import { once } from 'node:events'
      for (const host of ['127.0.0.1', '::1']) {
        const server = createServer((_request, response) => response.end('direct')).listen(0, host)
        await once(server, 'listening')
        const { port } = server.address() as { port: number }
        const url = 'http://' + (host === '::1' ? '[::1]' : host) + ':' + port
        console.log(await (await fetch(url)).text())
        server.close()
      }`
    const nobody = 'http://127.0.0.1:9'
    for (const env of [
      { HTTP_PROXY: nobody, NO_PROXY: 'intranet.test' },
      { http_proxy: nobody, no_proxy: '' }
    ]) {
      const { stdout, stderr } = await launch(t, {
        source,
        env: { NODE_USE_ENV_PROXY: '1', ...env }
      })
      assert.equal(stdout, 'direct\ndirect\n', stderr)
    }
  })
})
