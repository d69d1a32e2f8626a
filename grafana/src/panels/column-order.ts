import type { DataTransformerConfig } from '@grafana/grafana-foundation-sdk/dashboard'

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
