import { readMariadbConfig } from '@tapedeck/mariadb'
import { NO_DATABASE } from './capture-sql.ts'
import type { ModuleContext } from './module.ts'

/**
 * Whether a module has nothing to do, because no relational database is configured and nothing was captured of one for the
 * date. It says so.
 */
export async function hasNoDatabase(
  { store, inputs: [input], output, date, env, terminal }: ModuleContext,
  verb: string
): Promise<boolean> {
  if (input === undefined || readMariadbConfig(env) !== undefined) return false
  if ((await store.find({ ...input, date })) !== undefined) return false
  terminal.write(`${output}: nothing is ${verb}, ${NO_DATABASE}\n`)
  return true
}
