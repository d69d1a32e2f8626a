import { Ajv, type ValidateFunction } from 'ajv'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createGenerator, type SchemaGenerator } from 'ts-json-schema-generator'
import { committedDashboards, type PanelJson } from '../support/infinity-emulator-panels.ts'

// Goal: the dashboards hold what Grafana knows, also where the builders take anything.
// Method: a JSON Schema of the types that Grafana Labs publish, since they publish no schema.

const ROOT = join(import.meta.dirname, '../..')
const SDK = join(ROOT, 'node_modules/@grafana/grafana-foundation-sdk/dist')
const ajv = new Ajv({ strict: false, allErrors: true })

const generators = new Map<string, SchemaGenerator>()

/** One a module: it reads the compiler's own libraries too, which takes a second. */
function generatorOf(module: string): SchemaGenerator {
  const path = join(SDK, module, 'types.gen.d.ts')
  const generator = generators.get(module) ?? createGenerator({ path, skipTypeCheck: true })
  generators.set(module, generator)
  return generator
}

/** A check against a type of one of the SDK's modules; a query may hold more, since each data source has its own. */
function schemaOf(module: string, type: string): ValidateFunction {
  const schema = generatorOf(module).createSchema(type)
  const query = schema.definitions?.['Dataquery']
  if (typeof query === 'object') query.additionalProperties = true
  return ajv.compile({ ...schema } as object)
}

function mistakes(fits: ValidateFunction, value: unknown): string[] {
  if (fits(value)) return []
  return (fits.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

/** What overrides set of a panel's own field options, each as the object that Grafana makes of it. */
function customOf({ fieldConfig }: PanelJson): object[] {
  return fieldConfig.overrides.flatMap(({ properties }) =>
    properties
      .filter(({ id }) => id.startsWith('custom.'))
      .map(({ id, value }) =>
        id
          .split('.')
          .slice(1)
          .reduceRight<unknown>((inner, key) => ({ [key]: inner }), value)
      )
  ) as object[]
}

const dashboards = await committedDashboards()

describe("the types of Grafana's Foundation SDK", () => {
  const dashboardFits = schemaOf('dashboard', 'Dashboard')

  for (const { path, json } of dashboards) {
    it(`describe the dashboard ${json.title}`, async () => {
      const text = await readFile(join(ROOT, 'grafana/dashboards', path), 'utf8')
      const dashboard = JSON.parse(text) as Record<string, unknown>
      assert.deepEqual(mistakes(dashboardFits, dashboard), [])
      for (const wrong of [{ refesh: '5s' }, { panels: [{ title: 1 }] }, { schemaVersion: '39' }]) {
        assert.notDeepEqual(mistakes(dashboardFits, { ...dashboard, ...wrong }), [])
      }
    })
  }

  const panels = dashboards.flatMap(({ json }) => json.panels)
  for (const [type, ofType] of Map.groupBy(panels, (panel) => panel.type)) {
    it(`describe the options of each ${type} and of its fields`, () => {
      const optionsFit = schemaOf(type, 'Options')
      for (const { title, options } of ofType) {
        assert.deepEqual(mistakes(optionsFit, options), [], title)
        assert.notDeepEqual(mistakes(optionsFit, { ...options, colour: 'red' }), [])
      }
      const custom = ofType.flatMap((panel) =>
        [panel.fieldConfig.defaults.custom ?? [], ...customOf(panel)].flat()
      )
      if (custom.length === 0) return
      const fieldsFit = schemaOf(type, 'FieldConfig')
      for (const one of custom) {
        const required = mistakes(fieldsFit, {})
        const found = mistakes(fieldsFit, one).filter((mistake) => !required.includes(mistake))
        assert.deepEqual(found, [], JSON.stringify(one))
      }
      assert.notDeepEqual(mistakes(fieldsFit, { ...custom[0], lineWith: 1 }), [])
    })
  }
})
