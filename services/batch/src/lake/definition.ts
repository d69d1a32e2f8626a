import { readFile } from 'node:fs/promises'
import { didYouMean, isObject, messageOf, TapedeckError, type Json } from '@tapedeck/core'
import type { ModuleContext } from './module.ts'

/**
 * The file that a module was given by --config, and its text.
 * @param example a definition that comes with the project
 * @throws CONFIG_INVALID
 */
export async function definitionOf(
  { configFile }: Pick<ModuleContext, 'configFile'>,
  module: string,
  example: string
): Promise<{ readonly file: string; readonly text: string }> {
  if (configFile === undefined) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot run ${module}: --config is missing, expected a definition such as ${example}`
    )
  }
  const text = await readFile(configFile, 'utf8').catch((cause: unknown) => {
    throw new TapedeckError('CONFIG_INVALID', `Cannot read the source: ${messageOf(cause)}`, {
      cause
    })
  })
  return { file: configFile, text }
}

/** The object in a definition; empty, with a mistake noted, when there is none. */
export function parseDefinition(text: string, known: readonly string[], mistakes: string[]): Json {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (error) {
    mistakes.push(`no JSON found (${messageOf(error)})`)
    return {}
  }
  if (!isObject(found)) {
    mistakes.push('another form found, expected an object')
    return {}
  }
  noteUnknown('', found, known, mistakes)
  return found
}

/** Notes the fields of an object that nothing reads. */
export function noteUnknown(
  place: string,
  found: Json,
  known: readonly string[],
  mistakes: string[]
): void {
  for (const name of Object.keys(found)) {
    if (known.includes(name)) continue
    mistakes.push(`${place}unknown field '${name}' found${didYouMean(name, known)}`)
  }
}

/** @throws CONFIG_INVALID with every mistake of a definition */
export function checkDefinition(file: string, mistakes: readonly string[]): void {
  if (mistakes.length === 0) return
  throw new TapedeckError(
    'CONFIG_INVALID',
    `Cannot read the source ${file}: ${mistakes.join('\n  ')}`
  )
}
