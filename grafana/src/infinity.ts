import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import { DATASOURCE_UID, INFINITY } from './pins.ts'

export type ColumnType = 'number' | 'string' | 'boolean' | 'timestamp_epoch'

interface InfinityColumn {
  readonly selector: string
  readonly text: string
  readonly type: ColumnType
}

/** One query of a panel or variable, as the Infinity data source stores it. */
export interface InfinityTarget {
  readonly refId: string
  readonly datasource: { readonly type: string; readonly uid: string }
  readonly type: 'json'
  readonly source: 'url'
  readonly parser: 'backend'
  readonly format: 'timeseries' | 'table'
  readonly url: string
  readonly url_options: {
    readonly method: 'GET'
    readonly data: ''
    readonly params: readonly { readonly key: string; readonly value: string }[]
  }
  readonly root_selector: string
  readonly columns: readonly InfinityColumn[]
  readonly computed_columns: readonly []
  readonly filters: readonly []
}

export interface TargetOptions {
  readonly refId?: string
  readonly format: InfinityTarget['format']
  /** A path of the api; the data source prepends its address. */
  readonly url: string
  readonly params?: Readonly<Record<string, string>>
  /** The key of the answer that holds the rows. */
  readonly rows: string
  /** Field of a row -> its type. Every nullable number must be declared, or an all-null one becomes text. */
  readonly columns: Readonly<Record<string, ColumnType>>
}

export const DATASOURCE = { type: INFINITY.id, uid: DATASOURCE_UID } as const

/** The dashboard's time range in epoch ms; the plugin's back end fills it in. */
export const TIME_RANGE = { from: '${__timeFrom}', to: '${__timeTo}' } as const

/**
 * A query of the api, for its columns alone: the data source keeps the whole raw answer beside each frame. Columns keep the names of the api, because some versions of the plugin drop a column
 * whose title differs from its selector. Overrides give titles for people.
 */
export function infinityTarget(options: TargetOptions): InfinityTarget {
  return {
    refId: options.refId ?? 'A',
    datasource: DATASOURCE,
    type: 'json',
    source: 'url',
    parser: 'backend',
    format: options.format,
    url: options.url,
    url_options: {
      method: 'GET',
      data: '',
      params: Object.entries({
        ...options.params,
        fields: Object.keys(options.columns).join(',')
      }).map(([key, value]) => ({ key, value }))
    },
    root_selector: options.rows,
    columns: Object.entries(options.columns).map(([name, type]) => ({
      selector: name,
      text: name,
      type
    })),
    computed_columns: [],
    filters: []
  }
}

/** The target for a panel builder; the SDK treats the plugin's queries as opaque data. */
export function infinity(options: TargetOptions): Builder<Dataquery> {
  return { build: () => infinityTarget(options) as unknown as Dataquery }
}
