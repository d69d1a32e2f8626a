import { readFile } from 'node:fs/promises'
import { messageOf, readEnv, TapedeckError } from '@tapedeck/core'
import { symbolsVariable } from '@tapedeck/domain'
import type { Manifest } from './manifest.ts'
import type { ModuleContext } from './module.ts'
import { publishing, writeLines } from './publishing.ts'
import { askRest, readRestSource } from './rest-source.ts'

/**
 * Asks a source everything that its definition (`--config`) names and publishes the answers whole, a line each. Nothing is
 * published unless every request was answered.
 * @throws CONFIG_INVALID, FEED_REFUSED, FEED_DISCONNECTED, ABORTED
 */
export async function captureRest(context: ModuleContext): Promise<Manifest> {
  const { date, terminal, signal, configFile, env } = context
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
  const manifest = await publishing(context, async (draft) => ({
    tables: [
      await writeLines(draft, 'answers', async (file) => {
        for await (const answer of askRest(source, { date, symbols }, { signal })) {
          await file.write([JSON.stringify(answer)])
          terminal.progress(`${file.lines} answers, at ${answer.target}`)
        }
      })
    ],
    inputs: [],
    facts: { address: source.address, requests: source.requests.map(({ name }) => name) }
  }))
  terminal.write(`${manifest.part}: ${manifest.tables[0]?.rows} answers\n`)
  return manifest
}
