import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { importedFiles, manifestOf, sources, type SourceFile } from './sources.ts'

/** Which of our own packages each may import: docs/ARCHITECTURE.md draws the same. */
const ADAPTERS = [
  'feed',
  'finnhub',
  'alpaca',
  'kafka',
  'lake',
  'mariadb',
  'mongo',
  'service',
  'table'
]
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  client: [],
  domain: ['core'],
  feed: ['core', 'domain'],
  finnhub: ['core', 'domain'],
  alpaca: ['core', 'domain'],
  kafka: ['core', 'domain'],
  lake: ['core'],
  mariadb: ['core'],
  mongo: ['core', 'domain'],
  service: ['core'],
  table: ['core'],
  grafana: ['core', 'domain'],
  producer: ['core', 'domain', ...ADAPTERS],
  consumer: ['core', 'domain', ...ADAPTERS],
  api: ['core', 'domain', 'client', ...ADAPTERS],
  simulator: ['core', 'domain', ...ADAPTERS],
  stack: ['core', 'domain', 'grafana', ...ADAPTERS],
  tools: ['core', 'domain', 'client', ...ADAPTERS],
  batch: ['core', 'domain', ...ADAPTERS]
}

/** Who alone may import a third-party package. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  kafkajs: ['kafka'],
  mongodb: ['mongo'],
  aws4fetch: ['lake'],
  mysql2: ['mariadb'],
  ws: ['feed', 'simulator'],
  fastify: ['api', 'service'],
  '@duckdb/node-api': ['batch'],
  '@fastify/compress': ['api'],
  '@fastify/cors': ['api'],
  '@fastify/helmet': ['api'],
  '@fastify/rate-limit': ['api'],
  '@fastify/swagger': ['api'],
  '@fastify/swagger-ui': ['api'],
  '@fastify/type-provider-typebox': ['api'],
  '@fastify/websocket': ['api'],
  agenda: ['batch'],
  '@agendajs/mongo-backend': ['batch'],
  esbuild: ['api'],
  'lightweight-charts': ['api'],
  pino: ['service'],
  'prom-client': ['service'],
  'simple-statistics': ['domain'],
  croner: ['domain'],
  suncalc: ['domain'],
  'apache-arrow': ['table'],
  'csv-parse': ['table'],
  hyparquet: ['table'],
  'hyparquet-writer': ['table'],
  testcontainers: ['stack'],
  '@testcontainers/kafka': ['stack'],
  '@testcontainers/mongodb': ['stack'],
  '@grafana/grafana-foundation-sdk': ['grafana']
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

const isOurs = (specifier: string): boolean => specifier.startsWith('@tapedeck/')
/** Whether a package declares it as an entry beside its main one; `testing` is for tests. */
const isEntry = (specifier: string): boolean => {
  const [, owner = '', ...rest] = specifier.split('/')
  return rest.join('/') !== 'testing' && `./${rest.join('/')}` in (manifestOf(owner).exports ?? {})
}
const isThirdParty = (specifier: string): boolean =>
  !specifier.startsWith('.') && !specifier.startsWith('node:') && !isOurs(specifier)

/** Every source file that these import, directly or not, with themselves. */
function reachableFrom(files: readonly string[]): Set<string> {
  const byFile = new Map(sources.map((source) => [source.file, source]))
  const reached = new Set(files)
  for (const file of reached) {
    const imported = importedFiles(file, byFile.get(file)?.imports ?? [])
    for (const other of imported) reached.add(other)
  }
  return reached
}

function offenders(rule: (source: SourceFile, specifier: string) => boolean): string[] {
  return sources.flatMap((source) =>
    source.imports
      .filter((specifier) => rule(source, specifier))
      .map((specifier) => `${source.file} imports ${specifier}`)
  )
}

describe('layers', () => {
  it('finds the sources it judges', () => {
    assert.ok(sources.length > 100)
    assert.deepEqual(
      [...new Set(sources.map(({ owner }) => owner))].toSorted(),
      Object.keys(MAY_IMPORT).toSorted()
    )
  })

  it('services never import services, adapters never one another, domain only core', () => {
    assert.deepEqual(
      offenders(
        ({ owner }, specifier) =>
          isOurs(specifier) &&
          !(MAY_IMPORT[owner] ?? []).includes(packageOf(specifier).slice('@tapedeck/'.length))
      ),
      []
    )
  })

  it('the running services load none of the tools', () => {
    const mains = ['producer', 'consumer', 'api'].map((name) => `services/${name}/src/main.ts`)
    const loaded = reachableFrom(mains)
    assert.ok(loaded.size > 100)
    assert.deepEqual(
      [...loaded].filter((file) => file.startsWith('services/tools/')),
      []
    )
  })

  it('each third-party client is imported only by its owner', () => {
    assert.deepEqual(
      offenders(({ owner }, specifier) => {
        const owners = isThirdParty(specifier) ? OWNERS[packageOf(specifier)] : undefined
        return owners !== undefined && !owners.includes(owner)
      }),
      []
    )
  })

  it('the client loads nothing but itself: of the schemas of rows only types', () => {
    const client = sources.filter(({ owner }) => owner === 'client')
    const others = client.filter(({ file }) => !file.endsWith('/rows.ts'))
    assert.deepEqual(
      others.flatMap(({ imports }) => imports).filter((specifier) => !specifier.startsWith('./')),
      []
    )
    const loading = others.filter(({ text }) =>
      /^(?:import|export) (?!type\b)[^'"]*?from '\.\/rows\.ts'/m.test(text)
    )
    assert.deepEqual(
      loading.map(({ file }) => file),
      []
    )
  })

  it('core uses nothing but Node', () => {
    assert.deepEqual(
      offenders(({ owner }, specifier) => owner === 'core' && isThirdParty(specifier)),
      []
    )
  })

  it('domain knows no clock, no socket, no file and no environment', () => {
    const impure = sources
      .filter(({ owner }) => owner === 'domain')
      .filter(
        ({ text, imports }) =>
          /Date\.now|performance\.now|new Date\(\)|Math\.random|process\.|setTimeout|setInterval/.test(
            text
          ) || imports.some((specifier) => specifier.startsWith('node:'))
      )
      .map(({ file }) => file)
    assert.deepEqual(impure, [])
  })

  it('only a main reads process.env', () => {
    const readers = sources
      .filter(({ file, text }) => !file.endsWith('main.ts') && /process\.env/.test(text))
      .map(({ file }) => file)
    // runService is what a main calls: it takes the environment as its default.
    assert.deepEqual(readers, ['libs/service/src/run-service.ts'])
  })

  it('every import is declared by its package', () => {
    const undeclared = sources.flatMap(({ file, owner, imports }) => {
      const manifest = manifestOf(owner)
      const declared = {
        ...manifest.dependencies,
        ...manifest.optionalDependencies,
        ...manifest.devDependencies
      }
      return imports
        .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
        .filter((specifier) => !(packageOf(specifier) in declared))
        .map((specifier) => `${file} imports ${specifier}`)
    })
    assert.deepEqual(undeclared, [])
  })

  it('nobody reaches behind a package entry', () => {
    assert.deepEqual(
      offenders(
        (_source, specifier) =>
          isOurs(specifier) && specifier !== packageOf(specifier) && !isEntry(specifier)
      ),
      []
    )
  })

  it('the entry of a service exports only what it declares: the rest is for its main or for tests', () => {
    const passingOn = sources
      .filter(
        ({ file, text }) => file.endsWith('/src/app.ts') && /^export .*from|^export \{/m.test(text)
      )
      .map(({ file }) => file)
    assert.deepEqual(passingOn, [])
  })

  it('there is no utils, common or types room, and no default export', () => {
    assert.deepEqual(
      sources.filter(({ file }) => /(^|\/)(utils?|common|helpers|types)(\.ts|\/)/.test(file)),
      []
    )
    const defaults = sources.filter(
      ({ file, text }) => !file.endsWith('.d.ts') && /^export default/m.test(text)
    )
    assert.deepEqual(
      defaults.map(({ file }) => file),
      []
    )
  })
})
