import {
  CONTACT_POINT,
  DATASOURCE_UID,
  INFINITY,
  MIN_REFRESH,
  renderAlertRules,
  renderContactPoint,
  renderDashboards,
  renderDatasource
} from '@tapedeck/grafana'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import {
  committedDashboards,
  type DashboardJson,
  type PanelJson
} from '../support/infinity-emulator-panels.ts'

const ROOT = join(import.meta.dirname, '../..')
const dashboards = await committedDashboards()
const docs = await readFile(join(ROOT, 'docs/grafana.md'), 'utf8')

describe('committed dashboards', () => {
  it('are what npm run dashboards writes', async () => {
    const rendered = renderDashboards()
    assert.deepEqual(
      dashboards.map(({ path }) => path),
      rendered.map(({ path }) => path)
    )
    for (const { path, json } of rendered) {
      const committed = await readFile(join(ROOT, 'grafana/dashboards', path), 'utf8')
      // Not assert.equal: it would print both files.
      assert.ok(
        committed === json,
        `${path} is out of date, expected what npm run dashboards writes`
      )
    }
  })

  it('have alert rules that npm run dashboards writes, each with an id that Grafana takes', async () => {
    const file = join(ROOT, 'grafana/provisioning/alerting/rules.yaml')
    const committed = await readFile(file, 'utf8')
    assert.ok(committed === renderAlertRules(), 'rules.yaml is out of date')
    const posted = join(ROOT, 'grafana/provisioning/alerting-webhook')
    const rulesOfPosted = await readFile(join(posted, 'rules.yaml'), 'utf8')
    assert.ok(rulesOfPosted === renderAlertRules(CONTACT_POINT), 'its rules.yaml is out of date')
    const point = await readFile(join(posted, 'contact-point.yaml'), 'utf8')
    assert.equal(point, renderContactPoint())
    const { contactPoints } = parse(point) as {
      contactPoints: { name: string; receivers: { settings: { url: string } }[] }[]
    }
    assert.deepEqual(
      contactPoints.map(({ name, receivers }) => [name, receivers.map((one) => one.settings.url)]),
      [[CONTACT_POINT, ['$GRAFANA_ALERT_WEBHOOK']]]
    )
    const { groups } = parse(committed) as {
      groups: { interval: string; rules: { uid: string; data: { datasourceUid: string }[] }[] }[]
    }
    const rules = groups.flatMap((group) => group.rules)
    assert.deepEqual(repeated(rules.map(({ uid }) => uid)), [])
    for (const { uid, data } of rules) {
      assert.match(uid, /^[\w-]{1,40}$/)
      for (const { datasourceUid } of data)
        assert.ok([DATASOURCE_UID, '__expr__'].includes(datasourceUid))
    }
  })

  it('have ids of their own', () => {
    assert.deepEqual(repeated(dashboards.map(({ json }) => json.uid)), [])
    for (const { json } of dashboards)
      assert.deepEqual(repeated(json.panels.map(({ id }) => id)), [])
  })

  it('hold no address, so that they show whatever api the data source names', () => {
    for (const { path, json } of dashboards) {
      assert.doesNotMatch(JSON.stringify(json), /https?:\/\//, path)
    }
  })
})

for (const { json: dashboard } of dashboards) {
  describe(`dashboard ${dashboard.title}`, () => {
    it('cannot be edited, since its file would overwrite the edit', () => {
      assert.equal(dashboard.editable, false)
    })

    it('refreshes at an offered interval that the server allows', () => {
      const { refresh, timepicker } = dashboard
      assert.ok(timepicker.refresh_intervals.includes(refresh), refresh)
      for (const interval of [refresh, ...timepicker.refresh_intervals]) {
        assert.ok(milliseconds(interval) >= milliseconds(MIN_REFRESH), interval)
      }
    })

    it('is within what Grafana 11 understands', () => {
      assert.equal(dashboard.schemaVersion, 39)
    })

    it('uses variables that exist', () => {
      const known = dashboard.templating.list.map(({ name }) => name)
      const used = [...JSON.stringify(dashboard.panels).matchAll(/\$\{?(\w+)/g)].map(
        ([, name]) => name
      )
      const unknown = used.filter((name) => !name?.startsWith('__') && !known.includes(name ?? ''))
      assert.deepEqual(unknown, [])
    })

    it('asks for its choices once, when it is loaded: panels wait for them', () => {
      for (const variable of dashboard.templating.list.filter(({ type }) => type === 'query')) {
        assert.equal(variable.refresh, 1, variable.name)
        assert.equal(variable.datasource?.uid, DATASOURCE_UID)
      }
    })

    it('ends after now, so that forecasts are ahead of the price', () => {
      assert.match(dashboard.time.to, /^now\+\d+m$/)
    })

    it('leads to every other dashboard with the same choices and range, and to its full screen', () => {
      const paths = dashboards.map(({ json: { uid } }) =>
        uid === dashboard.uid ? `/d/${uid}?kiosk` : `/d/${uid}`
      )
      assert.deepEqual(dashboard.links.map(({ url }) => url).toSorted(), paths.toSorted())
      for (const link of dashboard.links) assert.ok(link.keepTime && link.includeVars, link.url)
    })

    it('has no panel over another', () => {
      for (const panel of dashboard.panels) {
        assert.ok(panel.gridPos.x + panel.gridPos.w <= 24, panel.title)
        const covered = dashboard.panels.filter(
          (other) => other.id > panel.id && overlap(panel, other)
        )
        assert.deepEqual(
          covered.map(({ title }) => title),
          [],
          panel.title
        )
      }
    })

    for (const panel of dashboard.panels) panelRules(dashboard, panel)
  })
}

function panelRules(dashboard: DashboardJson, panel: PanelJson): void {
  describe(`panel ${panel.title}`, () => {
    it('says what it shows, in which unit, and what an empty panel means', () => {
      assert.notEqual(panel.title.trim(), '')
      assert.match(panel.description, /\w+ \w+ \w+/)
      const { defaults, overrides } = panel.fieldConfig
      const units = overrides.flatMap(({ properties }) =>
        properties.filter(({ id }) => id === 'unit')
      )
      assert.ok(defaults.unit !== undefined || units.length > 0, 'a unit is expected')
      assert.notEqual(defaults.noValue ?? '', '', 'a text for no value is expected')
    })

    it('asks the provisioned data source for declared columns of the api', () => {
      assert.notEqual(panel.targets.length, 0)
      assert.deepEqual(repeated(panel.targets.map(({ refId }) => refId)), [])
      for (const target of panel.targets) {
        assert.equal(target.datasource.uid, DATASOURCE_UID)
        assert.equal(target.parser, 'backend')
        assert.match(target.url, /^\/api\/v1\/[a-z-]+(\/[a-z-]+)?$/)
        const fields = target.url_options.params?.find(({ key }) => key === 'fields')?.value
        const names = target.columns.map(({ selector }) => selector)
        assert.equal(fields, names.join(','), 'the whole answer travels with each frame')
        for (const { selector, text, type } of target.columns) {
          assert.equal(text, selector, 'some versions of the plugin drop a renamed column')
          assert.match(type, /^(number|string|boolean|timestamp_epoch)$/)
        }
      }
    })

    it('has colours of its own: those of Grafana are red from 80 on', () => {
      assert.ok((panel.fieldConfig.defaults.thresholds?.steps.length ?? 0) > 0)
    })

    it('has a dash in an empty cell, where Grafana would repeat the text of an empty panel', () => {
      if (panel.type !== 'table') return
      const [first] = panel.fieldConfig.overrides
      assert.deepEqual(first, {
        matcher: { id: 'byRegexp', options: '/.*/' },
        properties: [{ id: 'noValue', value: '-' }]
      })
    })

    it('gives what is not known no colour: thresholds paint it as the lowest value', () => {
      const { defaults, overrides } = panel.fieldConfig
      const fields = overrides.map(({ properties }) =>
        Object.fromEntries(properties.map(({ id, value }) => [id, value]))
      )
      for (const field of [defaults, ...fields] as Record<string, unknown>[]) {
        const { steps } = (field['thresholds'] ?? { steps: [] }) as { steps: { color: string }[] }
        if ((steps[0]?.color ?? 'text') === 'text') continue
        const [unknown] = (field['mappings'] ?? []) as {
          options: { match?: string; result?: { color: string } }
        }[]
        assert.equal(unknown?.options.match, 'null')
        assert.equal(unknown.options.result?.color, 'text')
      }
    })

    it('overrides, arranges and sorts by columns that it has', () => {
      const columns = panel.targets.flatMap((target) => target.columns.map(({ text }) => text))
      const titles = panel.transformations?.flatMap(({ options }) => {
        assert.deepEqual(Object.keys(options.indexByName).toSorted(), columns.toSorted())
        assert.deepEqual(Object.keys(options.renameByName).toSorted(), columns.toSorted())
        return Object.values(options.renameByName)
      })
      const known = [...columns, ...(titles ?? [])]
      const named = [
        ...panel.fieldConfig.overrides
          .filter(({ matcher }) => matcher.id === 'byName')
          .map(({ matcher }) => matcher.options),
        ...(panel.options.sortBy ?? []).map(({ displayName }) => displayName),
        ...Object.values(panel.options.fields ?? {})
      ]
      assert.deepEqual(
        named.filter((name) => !known.includes(name)),
        []
      )
    })

    it('is described in docs/grafana.md with its endpoint and fields', () => {
      const line = docs.split('\n').find((one) => one.split('|')[1]?.trim() === panel.title)
      assert.ok(line, `docs/grafana.md has no line for '${panel.title}'`)
      for (const { url, columns } of panel.targets) {
        assert.ok(line.includes(`\`${url}\``), `${url} is expected in: ${line}`)
        for (const { text } of columns.filter((column) => column.text !== 'time')) {
          assert.ok(line.includes(text), `${text} is expected in: ${line}`)
        }
      }
      assert.ok(docs.includes(`/d/${dashboard.uid}`), 'its address is expected')
    })
  })
}

describe('provisioning', () => {
  it('declares the data source of the dashboards, with its base address also as the host allowed', async () => {
    const file = join(ROOT, 'grafana/provisioning/datasources/tapedeck.yaml')
    const committed = await readFile(file, 'utf8')
    assert.ok(committed === renderDatasource(), 'tapedeck.yaml is out of date')
    const { datasources } = parse(committed) as {
      datasources: {
        uid: string
        type: string
        url: string
        jsonData: Record<string, unknown>
        secureJsonData: object
      }[]
    }
    const [source] = datasources
    assert.equal(datasources.length, 1)
    assert.equal(source?.uid, DATASOURCE_UID)
    assert.equal(source.type, INFINITY.id)
    assert.equal(source.url, '$TAPEDECK_API_URL')
    assert.deepEqual(source.jsonData['allowedHosts'], [source.url])
    assert.equal(source.jsonData['proxy_type'], 'none')
    assert.equal(source.jsonData['httpHeaderName1'], 'Authorization')
    assert.deepEqual(source.secureJsonData, { httpHeaderValue1: 'Bearer $TAPEDECK_API_TOKEN' })
  })
})

function overlap({ gridPos: a }: PanelJson, { gridPos: b }: PanelJson): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

function repeated<T>(values: readonly T[]): T[] {
  return values.filter((value, index) => values.indexOf(value) !== index)
}

function milliseconds(interval: string): number {
  const [, count, unit] = /^(\d+)(ms|s|m)$/.exec(interval) ?? assert.fail(interval)
  return Number(count) * { ms: 1, s: 1000, m: 60_000 }[unit as 'ms' | 's' | 'm']
}
