import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, readEnv, TapedeckError } from '@tapedeck/core'
import { symbolsVariable } from '@tapedeck/domain'
import { LineFile } from './line-file.ts'
import { partText, publicationName, type Manifest, type PartName } from './manifest.ts'
import type { ModuleContext } from './module.ts'
import { askRest, readRestSource } from './rest-source.ts'
import { codeVersion } from './sql.ts'

/**
 * Asks a source everything that its definition (`--config`) names and publishes the answers whole, a line each. Nothing is
 * published unless every request was answered.
 * @throws CONFIG_INVALID, FEED_REFUSED, FEED_DISCONNECTED, ABORTED
 */
export async function captureRest(context: ModuleContext): Promise<Manifest> {
  const { date, store, run, attempt, terminal, signal, configFile, env } = context
  const part: PartName = { ...publicationName(context.output), date }
  if (configFile === undefined) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      'Cannot run capture-rest: --config is missing, expected a definition such as services/batch/rest/finnhub.json'
    )
  }
  const text = await readFile(configFile, 'utf8').catch((cause: unknown) => {
    throw new TapedeckError('CONFIG_INVALID', `Cannot read the source: ${messageOf(cause)}`, {
      cause
    })
  })
  const source = readRestSource(configFile, text, env)
  const { SYMBOLS: symbols } = readEnv(env, { SYMBOLS: symbolsVariable(Infinity) })
  const draft = await store.begin(part, run, attempt)
  try {
    const file = LineFile.create(path.join(draft.folder, 'answers.ndjson.gz'))
    try {
      for await (const answer of askRest(source, { date, symbols }, { signal })) {
        await file.write([JSON.stringify(answer)])
        terminal.progress(`${file.lines} answers, at ${answer.target}`)
      }
    } finally {
      await file.close()
    }
    const manifest = await store.publish(draft, {
      run,
      attempt,
      tables: [
        {
          name: 'answers',
          format: 'ndjson.gz',
          rows: file.lines,
          columns: [],
          extents: {},
          files: ['answers.ndjson.gz']
        }
      ],
      code: codeVersion(),
      inputs: [],
      facts: { address: source.address, requests: source.requests.map(({ name }) => name) }
    })
    terminal.write(`${partText(part)}: ${file.lines} answers\n`)
    return manifest
  } catch (error) {
    await store.discard(draft)
    throw error
  }
}
