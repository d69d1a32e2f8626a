import { mkdir, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { TABLE_FORMATS, type Column } from '@tapedeck/table'
import { defineFlow, type Flow } from '../flow.ts'

const URL_OF_API = 'http://127.0.0.1:8080/api/v1/watchlist'
const REQUEST_LIMIT_MS = 10_000
const HALF_MINUTE_MS = 30_000

/** A row of the answer; prices are null for a symbol that has not traded. */
type Quote = {
  readonly symbol: string
  readonly lastPrice: number | null
  readonly changeShare: number | null
}
/** A row of the file. */
type PriceRow = { readonly symbol: string; readonly price: number; readonly changePercent: number }

const COLUMNS: readonly Column[] = [
  { name: 'symbol', kind: 'text', isNullable: false },
  { name: 'price', kind: 'number', isNullable: false },
  { name: 'changePercent', kind: 'number', isNullable: false }
]

/**
 * Writes the prices of a JSON API to a CSV file: an example of a flow, to be run every minute. Parameters: `url`, an answer
 * like that of /api/v1/watchlist, and `out`, the folder.
 * @param retryDelayMs between two tries of the request
 */
export function watchlistCsv(retryDelayMs = HALF_MINUTE_MS): Flow {
  return defineFlow({ name: 'watchlist-csv', about: 'prices of the api as a CSV file' }, (flow) => {
    const document = flow.task('create-document', {}, async ({ run, parameters }) => {
      const folder = parameters['out'] ?? path.join('.data', 'watchlist')
      await mkdir(folder, { recursive: true })
      const file = path.join(folder, `${run.replaceAll(/[^\w.-]/g, '_')}.csv`)
      await writeWhole(file, [])
      return file
    })
    const extract = flow.task(
      'extract',
      { retries: 10, retryDelayMs, timeoutMs: 2 * REQUEST_LIMIT_MS },
      async ({ parameters, signal }) => {
        const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_LIMIT_MS)])
        const response = await fetch(parameters['url'] ?? URL_OF_API, { signal: limit })
        if (!response.ok)
          throw new Error(`${response.url} answered ${response.status}, expected 200`)
        return (await response.json()) as { readonly watchlist: readonly Quote[] }
      }
    )
    const transform = flow.task('transform', { inputs: { extract } }, ({ inputs }) =>
      inputs.extract.watchlist
        .flatMap(({ symbol, lastPrice, changeShare }): PriceRow[] => {
          if (lastPrice === null) return []
          return [{ symbol, price: lastPrice, changePercent: 100 * (changeShare ?? 0) }]
        })
        .toSorted((a, b) => a.symbol.localeCompare(b.symbol))
    )
    flow.task('load', { inputs: { rows: transform, document } }, async ({ inputs, log }) => {
      await writeWhole(inputs.document, inputs.rows)
      log(`${inputs.rows.length} rows in ${inputs.document}`)
      return { file: inputs.document, rows: inputs.rows.length }
    })
  })
}

/** Replaces the file at once: who reads it sees all rows of one run. */
async function writeWhole(file: string, rows: readonly PriceRow[]): Promise<void> {
  const encoder = TABLE_FORMATS.csv.encoder(COLUMNS)
  const pieces = [...encoder.write(rows), ...encoder.end()]
  await writeFile(`${file}.new`, Buffer.concat(pieces))
  await rename(`${file}.new`, file)
}
