import type { OutgoingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { HistoryPosition, HistoryQuery } from '@tapedeck/mongo'
import {
  columnsNamed,
  TABLE_FORMAT_NAMES,
  TABLE_FORMATS,
  type Column,
  type Row,
  type TableFormatName
} from '@tapedeck/table'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ReadBudget } from '../budget.ts'
import { checkFields, leaving } from '../http.ts'
import { AFTER, anyOf, DEFAULT_LIMIT, FIELDS, ORDER, ROW_LIMIT, rowPositionText } from '../query.ts'

/** The parameters of a route whose rows can be read as a history. */
export const HISTORY = {
  limit: ROW_LIMIT,
  order: ORDER,
  after: AFTER,
  fields: FIELDS,
  format: anyOf(`json, ${TABLE_FORMAT_NAMES.join(', ')}; also by the header Accept`, [
    'json',
    ...TABLE_FORMAT_NAMES
  ])
} as const

interface HistoryParameters {
  readonly limit: number | undefined
  readonly order: 'asc' | 'desc' | undefined
  readonly after: HistoryPosition | undefined
  readonly fields: readonly string[] | undefined
  readonly format: 'json' | TableFormatName | undefined
}

/** Stored rows of one kind. */
export interface History<D> {
  /** The name of the list in JSON, and of a file. */
  readonly name: string
  readonly columns: readonly Column[]
  /** Columns that formats with types for times do without, unless they are asked for: times as text. */
  readonly spare?: readonly string[]
  /** How many documents a row is made of at most; 1 without it. */
  readonly documentsPerRow?: number
  /** Rows that were left out because it is not known what they were, as far as it is read. */
  unknown?(): number
  /** Documents in the order of the query; `names` are the fields that rows will have. */
  read(
    query: Pick<HistoryQuery, 'order' | 'after'>,
    names: readonly string[]
  ): AsyncGenerator<readonly D[]>
  /** A function that makes rows with these fields. */
  rows(names: readonly string[]): (document: D) => Row
  timeOf(document: D): Date
}

type Stored = { readonly _id: string; readonly symbol: string }

/** Bytes that wait for the client at most, about. */
const PART_BYTES = 256 * 1024

/** The place of a document in its history, as the `next` of a page. */
export function nextOf<D extends Stored>(
  document: D | undefined,
  timeOf: (one: D) => Date
): string | null {
  if (document === undefined) return null
  const { symbol, _id: id } = document
  return rowPositionText({ tMs: timeOf(document).getTime(), symbol, id })
}

/** Whether a request is for the newest rows in JSON, which many viewers share. */
export function isPlain(
  request: FastifyRequest,
  { order, after, format }: HistoryParameters
): boolean {
  const isJson = (format ?? acceptedFormat(request.headers.accept)) === 'json'
  return isJson && order === undefined && after === undefined
}

/**
 * Answers with a page of JSON, or streams all rows in another format. A stream that fails ends with a broken connection,
 * never as if it were complete; the trailer `tapedeck-rows` counts its rows. Whoever leaves ends the read.
 */
export async function sendHistory<D extends Stored>(
  request: FastifyRequest,
  reply: FastifyReply,
  asked: HistoryParameters,
  history: History<D>,
  budget: ReadBudget
): Promise<FastifyReply> {
  const format = asked.format ?? acceptedFormat(request.headers.accept)
  const columns = columnsOf(history, asked.fields, format)
  void reply.header('cache-control', 'no-store')
  if (format !== 'json')
    return budget.table(() => sendTable(reply, asked, history, columns, format))
  const { limit = DEFAULT_LIMIT } = asked
  const cost = limit * (history.documentsPerRow ?? 1)
  return budget.run(cost, leaving(reply), () => sendPage(reply, asked, history, columns))
}

async function sendTable<D extends Stored>(
  reply: FastifyReply,
  { order = 'asc', after, limit = Infinity }: HistoryParameters,
  history: History<D>,
  columns: readonly Column[],
  format: TableFormatName
): Promise<FastifyReply> {
  const names = namesOf(columns)
  const { contentType, encoder } = TABLE_FORMATS[format]
  const batches = limited(history.read({ order, after }, names), limit)
  // The first batch before the headers, so that a database that is away is answered with 503.
  const first = await batches.next()
  const rowOf = history.rows(names)
  const { raw } = reply
  async function* parts(): AsyncGenerator<Uint8Array> {
    const encoding = encoder(columns)
    let count = 0
    for (let next = first; next.done !== true; next = await batches.next()) {
      count += next.value.length
      yield* encoding.write(next.value.map(rowOf))
    }
    yield* encoding.end()
    raw.addTrailers({ 'tapedeck-rows': String(count), ...unknownHeader(history) })
  }
  // Not sent by Fastify, which would end the answer when the time limit of a handler is over.
  reply.hijack()
  raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': contentType,
    'content-disposition': `attachment; filename="${history.name}.${format}"`,
    trailer: history.unknown === undefined ? 'tapedeck-rows' : `tapedeck-rows, ${UNKNOWN}`
  })
  try {
    await pipeline(Readable.from(parts(), { objectMode: false, highWaterMark: PART_BYTES }), raw)
  } catch {
    raw.destroy() // the client left, or the database: neither sees an end
  } finally {
    await batches.return(undefined)
  }
  return reply
}

async function sendPage<D extends Stored>(
  reply: FastifyReply,
  { order, after, limit = DEFAULT_LIMIT }: HistoryParameters,
  history: History<D>,
  columns: readonly Column[]
): Promise<FastifyReply> {
  const page: D[] = []
  const query = { order: order ?? 'desc', after } as const
  for await (const batch of limited(history.read(query, namesOf(columns)), limit + 1)) {
    page.push(...batch)
    if (reply.raw.destroyed) break // the client left
  }
  const hasMore = page.length > limit
  if (hasMore) page.pop()
  const next = hasMore ? nextOf(page.at(-1), history.timeOf) : null
  if (order === undefined) page.reverse()
  const rows = page.map(history.rows(namesOf(columns)))
  return reply
    .headers({
      'content-type': 'application/json; charset=utf-8',
      ...unknownHeader(history)
    })
    .send(JSON.stringify({ [history.name]: rows, next }))
}

/** Says how many rows of a range are missing because nobody knows what they were. */
const UNKNOWN = 'tapedeck-unknown'

function unknownHeader<D>({ unknown }: History<D>): Readonly<Record<string, string>> {
  return unknown === undefined ? {} : { [UNKNOWN]: String(unknown()) }
}

function acceptedFormat(accept: string | undefined): 'json' | TableFormatName {
  const types = (accept ?? '').split(',').map((one) => one.split(';', 1)[0]?.trim())
  const found = TABLE_FORMAT_NAMES.find((name) =>
    types.includes(TABLE_FORMATS[name].contentType.split(';', 1)[0])
  )
  return found ?? 'json'
}

function columnsOf<D>(
  { columns, spare = [] }: History<D>,
  fields: readonly string[] | undefined,
  format: 'json' | TableFormatName
): readonly Column[] {
  if (fields === undefined) {
    const isTyped = format === 'parquet' || format === 'arrow'
    return isTyped ? columns.filter(({ name }) => !spare.includes(name)) : columns
  }
  checkFields(fields, namesOf(columns))
  return columnsNamed(columns, fields)
}

function namesOf(columns: readonly Column[]): readonly string[] {
  return columns.map(({ name }) => name)
}

/** The first `limit` documents. */
async function* limited<D>(
  batches: AsyncGenerator<readonly D[]>,
  limit: number
): AsyncGenerator<readonly D[]> {
  let left = limit
  for await (const batch of batches) {
    yield left < batch.length ? batch.slice(0, left) : batch
    left -= batch.length
    if (left <= 0) return
  }
}
