import { readEnv } from '@tapedeck/core'
import { holidayDifferences, symbolsVariable, type ListedHoliday } from '@tapedeck/domain'
import { desiredSymbols, storeSnapshot, type Database } from '@tapedeck/mongo'
import type { Manifest } from '@tapedeck/lake'
import { withDatabase } from '../database.ts'
import { readDatabaseConfig } from './config.ts'
import { definitionOf } from './definition.ts'
import type { ModuleContext } from './module.ts'
import { publishing, writeLines } from './publishing.ts'
import { askRest, readRestSource, turnOf, type RestAnswer, type RestSource } from './rest-source.ts'

const SECOND_MS = 1000

/**
 * Asks a source everything that its definition (`--config`) names and publishes the answers whole, a line each. Nothing is
 * published unless every request was answered. What the definition asks to copy to MongoDB is there as soon as it is received.
 * @throws CONFIG_INVALID, FEED_REFUSED, FEED_DISCONNECTED, ABORTED, DATABASE_UNREACHABLE
 */
export async function captureRest(context: ModuleContext): Promise<Manifest> {
  const definition = await definitionOf(context, 'capture-rest', 'services/batch/rest/finnhub.json')
  const source = readRestSource(definition.file, definition.text, context.env)
  const isStored = source.requests.some((request) => request.isStored)
  if (!isStored) return capture(source, context, undefined)
  return withDatabase(readDatabaseConfig(context.env), (database) =>
    capture(source, context, database)
  )
}

async function capture(
  source: RestSource,
  context: ModuleContext,
  database: Database | undefined
): Promise<Manifest> {
  const { date, terminal, signal, env } = context
  const { SYMBOLS: given } = readEnv(env, { SYMBOLS: symbolsVariable(Infinity) })
  const all = database === undefined ? given : (await desiredSymbols(database, given)).symbols
  const { symbols, turns, most } = turnOf(source, all, Date.now())
  if (turns > 1) {
    const seconds = ((source.everyMs ?? 0) * turns) / SECOND_MS
    terminal.note(
      `${all.length} symbols, and ${source.callsPerMinute} calls a minute allow ${most} at a time: each is asked for ` +
        `every ${seconds} s`
    )
  }
  const warnings: string[] = []
  const manifest = await publishing(context, async (draft) => ({
    tables: [
      await writeLines(draft, 'answers', async (file) => {
        for await (const answer of askRest(source, { date, symbols }, { signal })) {
          await file.write([JSON.stringify(answer)])
          file.span('receivedAt', answer.receivedAt)
          const request = source.requests.find(({ name }) => name === answer.request)
          if (database !== undefined && request?.isStored === true) {
            await storeSnapshot(database, snapshotOf(answer, `${draft.version}/${file.lines}`))
          }
          if (request?.isHolidays === true) warnings.push(...holidayWarnings(answer))
          terminal.progress(`${file.lines} answers, at ${answer.target}`)
        }
      })
    ],
    inputs: [],
    facts: {
      address: source.address,
      requests: source.requests.map(({ name }) => name),
      warnings
    },
    isAppended: source.everyMs !== undefined
  }))
  for (const warning of warnings) terminal.note(warning)
  terminal.write(`${manifest.part}: ${manifest.tables[0]?.rows} answers\n`)
  return manifest
}

function snapshotOf(answer: RestAnswer, id: string): Parameters<typeof storeSnapshot>[1] {
  const { request, symbol, target, receivedAt, body } = answer
  return {
    _id: id,
    request,
    symbol,
    target,
    receivedAt: new Date(receivedAt),
    body: JSON.parse(body) as unknown
  }
}

/** Finnhub's list of market holidays beside our calendar. */
function holidayWarnings({ target, body }: RestAnswer): string[] {
  const { data } = JSON.parse(body) as { readonly data?: unknown }
  if (!Array.isArray(data)) return [`${target} has no list of holidays in data`]
  const listed = (data as readonly Partial<ListedHoliday>[]).map(
    ({ atDate, eventName, tradingHour }) => ({
      atDate: String(atDate),
      eventName: String(eventName),
      tradingHour: tradingHour ?? ''
    })
  )
  return holidayDifferences(listed).map((one) => `the calendar differs: ${one}`)
}
