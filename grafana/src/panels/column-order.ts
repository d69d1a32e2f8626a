import type { DataTransformerConfig } from '@grafana/grafana-foundation-sdk/dashboard'

/**
 * Puts a table's columns in the order given and titles them for people; without it they come in
 * alphabetical order.
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
