import { renderAlertRules } from '@tapedeck/grafana'
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { root } from './sources.ts'

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string; readonly check?: string }
  readonly annotations: { readonly summary: string }
}
const { groups } = parse(read('grafana/prometheus/rules.yaml')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)

interface Scrape {
  readonly rule_files: readonly string[]
  readonly scrape_configs: readonly {
    readonly job_name: string
    readonly file_sd_configs?: readonly { readonly files: readonly string[] }[]
    readonly static_configs?: readonly {
      readonly targets: readonly string[]
      readonly labels: { readonly service: string }
    }[]
  }[]
}
const scrapeOf = (file: string): Scrape => parse(read(`grafana/prometheus/${file}`)) as Scrape

/** What Prometheus and prom-client give by themselves. */
const GIVEN = ['up', 'process_start_time_seconds', 'process_resident_memory_bytes']

describe('grafana/prometheus', () => {
  it('asks only for metrics that a service exposes', () => {
    const exposed = new Set(
      globSync('{libs,services}/*/src/**/*.ts', { cwd: root }).flatMap((file) =>
        [...read(file).matchAll(/\.(?:counter|gauge|histogram)(?:<[^>]*>)?\(\s*'([a-z_]+)'/g)].map(
          ([, name = '']) => name
        )
      )
    )
    for (const { alert, expr } of rules) {
      const named = [...expr.matchAll(/\b(tapedeck_\w+)/g)].map(([, name = '']) =>
        name.replace(/^tapedeck_/, '').replace(/_bucket$/, '')
      )
      assert.deepEqual(
        named.filter((name) => !exposed.has(name)),
        [],
        alert
      )
      assert.ok(named.length > 0 || GIVEN.some((name) => expr.includes(name)), alert)
    }
  })

  it('has a rule for each alert of Grafana, as severe', () => {
    const { groups: ofGrafana } = parse(renderAlertRules()) as {
      groups: { rules: { uid: string; labels: { severity: string } }[] }[]
    }
    assert.deepEqual(
      rules
        .filter(({ labels: { check } }) => check !== undefined)
        .map(
          ({ labels: { check = '', severity } }) =>
            `tapedeck-${check.replaceAll(' ', '-')} ${severity}`
        )
        .toSorted(),
      ofGrafana
        .flatMap((group) => group.rules)
        .map(({ uid, labels: { severity } }) => `${uid} ${severity}`)
        .toSorted()
    )
  })

  it('gives each alert a name of its own, a severity and a sentence', () => {
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length)
    for (const { alert, labels, annotations } of rules) {
      assert.match(alert, /^Tapedeck[A-Z]/)
      assert.match(labels.severity, /^(critical|warning)$/)
      assert.match(annotations.summary, /[.?]$/, alert)
    }
  })

  it('scrapes each service of docker-compose.yml at its port', () => {
    const { services } = parse(read('docker-compose.yml'), { merge: true }) as {
      services: Record<string, { environment: Record<string, string> }>
    }
    const { static_configs: found } = scrapeOf('scrape-compose.yaml').scrape_configs[0] ?? {}
    const ports = {
      producer: 'PRODUCER_PORT',
      consumer: 'CONSUMER_PORT',
      api: 'API_PORT',
      simulator: 'SIMULATOR_HEALTH_PORT'
    }
    assert.deepEqual(
      found,
      Object.entries(ports).map(([service, variable]) => ({
        targets: [`${service}:${services[service]?.environment[variable]}`],
        labels: { service }
      }))
    )
  })

  it('scrapes what npm start writes into its data folder, as the same job by the same rules', () => {
    const own = scrapeOf('scrape.yaml')
    const compose = scrapeOf('scrape-compose.yaml')
    assert.deepEqual(own.rule_files, compose.rule_files)
    const [job] = own.scrape_configs
    assert.equal(job?.job_name, compose.scrape_configs[0]?.job_name)
    assert.ok(rules.some(({ expr }) => expr.includes(`job="${job?.job_name}"`)))
    const [file = ''] = job?.file_sd_configs?.[0]?.files ?? []
    assert.equal(path.join('grafana/prometheus', file), '.data/prometheus-targets.json')
  })
})
