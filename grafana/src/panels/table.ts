import type { DataTransformerConfig } from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/table'
import { DATASOURCE } from '../infinity.ts'
import { NEUTRAL } from '../look.ts'

/** Grafana puts the text of an empty panel into each empty cell of a table, unless the column has a text of its own. */
const EMPTY_CELL = [{ id: 'noValue', value: '-' }]

/** A table; a dash stands in its empty cells. */
export function tableOf(title: string): PanelBuilder {
  return new PanelBuilder()
    .title(title)
    .datasource(DATASOURCE)
    .thresholds(NEUTRAL)
    .overrideByRegexp('/.*/', EMPTY_CELL)
}

/**
 * Orders the columns of a table and gives them titles for people. Without it the order is alphabetical.
 * @param titles field of a row -> title
 */
export function columnOrder(titles: Readonly<Record<string, string>>): DataTransformerConfig {
  const names = Object.keys(titles)
  return {
    id: 'organize',
    options: {
      excludeByName: {},
      indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
      renameByName: titles
    }
  }
}
