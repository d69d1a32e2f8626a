// Runs a program of this project: node services/stack/src/launch.js PROGRAM [ARGUMENT…]. The npm scripts begin here.
//
// It is JavaScript that Node 18 can read: on a Node that cannot run the programs it says in one line what to do.
// It also reads .env, because Node's own reader takes a byte order mark for a part of the first name and reads
// nothing of a file in UTF-16, which is what PowerShell writes.
import fs from 'node:fs'
import module from 'node:module'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as util from 'node:util'

const root = path.resolve(fileURLToPath(import.meta.url), '../../../..')
const ENV_FILE = '.env'
const LOOPBACK = ['localhost', '127.0.0.1', '::1', '[::1]']
const CANNOT_BEGIN = 2

try {
  checkNode()
  checkPackages()
  readEnvFile()
} catch (error) {
  process.stderr.write(`Cannot start: ${error.message}\n`)
  process.exit(CANNOT_BEGIN)
}
// Servers of this machine are never asked through a proxy. Node has two names for the variable.
const direct = [process.env.no_proxy || process.env.NO_PROXY, ...LOOPBACK].filter(Boolean).join(',')
process.env.NO_PROXY = direct
process.env.no_proxy = direct

await cacheCompiled()

const program = path.resolve(process.argv[2])
process.argv.splice(1, 2, program)
await import(pathToFileURL(program).href)

function checkNode() {
  if (process.features.typescript) return
  throw new Error(
    `Node ${process.versions.node} found, expected 22.18 or newer. The project brings its own Node as a ` +
      'development dependency: run npm ci without --omit=dev, --ignore-scripts and NODE_ENV=production'
  )
}

function checkPackages() {
  if (fs.existsSync(path.join(root, 'node_modules', '@tapedeck', 'core'))) return
  throw new Error(`no packages are installed in ${root}, expected npm ci to be run there first`)
}

/** Node keeps what it compiles, of this process and of those that it starts. */
async function cacheCompiled() {
  try {
    const { cachesCompiled } = await import('./cache-dir.ts')
    Object.assign(process.env, cachesCompiled(process.env))
    module.enableCompileCache(process.env.NODE_COMPILE_CACHE)
  } catch {
    // The user has no home folder: everything is compiled at each start.
  }
}

/** Variables that are set already win over those of the file. */
function readEnvFile() {
  let bytes
  try {
    bytes = fs.readFileSync(ENV_FILE)
  } catch (error) {
    if (error.code === 'ENOENT') return
    throw new Error(`${ENV_FILE} cannot be read (${error.code}), expected lines of NAME=value`, {
      cause: error
    })
  }
  for (const [name, value] of Object.entries(util.parseEnv(textOf(bytes)))) {
    if (!(name in process.env)) process.env[name] = value
  }
}

/** UTF-8 or UTF-16, with or without a byte order mark. */
function textOf(bytes) {
  const encoding = encodingOf(bytes)
  try {
    const text = new util.TextDecoder(encoding, { fatal: true }).decode(bytes)
    if (!text.includes('\0')) return text
  } catch {
    // Not in that encoding.
  }
  throw new Error(`${ENV_FILE} is no text in ${encoding}, expected UTF-8 or UTF-16`)
}

function encodingOf([first, second]) {
  if ((first === 0xfe && second === 0xff) || first === 0) return 'utf-16be'
  return (first === 0xff && second === 0xfe) || second === 0 ? 'utf-16le' : 'utf-8'
}
