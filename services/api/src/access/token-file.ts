import { readFile, stat } from 'node:fs/promises'
import { unwatchFile, watchFile } from 'node:fs'
import { configInvalid, configProblems, messageOf } from '@tapedeck/core'
import type { ServiceContext } from '@tapedeck/service'
import { noToken, type AccessConfig } from './settings.ts'
import { readTokens, tokenProblems, TokenStore, type Token } from './tokens.ts'

/** How often the file is looked at: by its state, because mounted folders send no events. */
const LOOK_MS = 1000
const MAX_BYTES = 1024 * 1024
/** Rights of group and others to a file. */
const RIGHTS_OF_OTHERS = 0o077

/**
 * Every token of the configuration, those of its file included.
 * @throws CONFIG_INVALID with every mistake, also when reading needs a token and there is none
 */
export async function readAllTokens({
  tokens,
  tokensFile,
  isOpen,
  host
}: AccessConfig): Promise<readonly Token[]> {
  const problems: string[] = []
  const all = [...tokens]
  if (tokensFile !== undefined) {
    const read = await readTokenFile(tokensFile)
    all.push(...read.tokens)
    problems.push(...read.problems.map((problem) => `API_TOKENS_FILE: ${problem}`))
    if (read.problems.length === 0) {
      problems.push(...tokenProblems(all).map((one) => `API_TOKENS_FILE with API_TOKENS: ${one}`))
    }
  }
  if (!isOpen && all.length === 0 && problems.length === 0) problems.push(noToken(host))
  if (problems.length > 0) throw configInvalid(problems)
  return all
}

/** The tokens of the configuration, kept up to date with its file until the service stops. */
export async function openTokens(
  config: AccessConfig,
  { log, defer }: Pick<ServiceContext, 'log' | 'defer'>
): Promise<TokenStore> {
  const store = new TokenStore(await readAllTokens(config))
  const { tokensFile } = config
  if (tokensFile === undefined) return store
  const { mode } = await stat(tokensFile)
  if ((mode & RIGHTS_OF_OTHERS) !== 0) {
    const found = (mode & 0o777).toString(8)
    log.warn({ found }, 'API_TOKENS_FILE can be read by other users, expected mode 600')
  }
  let reading = Promise.resolve()
  const readAgain = async (): Promise<void> => {
    // All tokens may be withdrawn from the file: then nobody is let in.
    const problems = await configProblems(async () => {
      store.replace(await readAllTokens({ ...config, isOpen: true }))
    })
    store.trouble = problems.length === 0 ? undefined : problems.join('; ')
    if (store.trouble === undefined) log.info({ tokens: store.size }, 'tokens are read again')
    else log.error(`Tokens stay as they were: ${store.trouble}`)
  }
  const onChange = (): void => {
    reading = reading.then(readAgain)
  }
  watchFile(tokensFile, { interval: LOOK_MS, persistent: false }, onChange)
  defer(() => unwatchFile(tokensFile, onChange))
  return store
}

async function readTokenFile(file: string): Promise<ReturnType<typeof readTokens>> {
  try {
    const { size } = await stat(file)
    if (size > MAX_BYTES) {
      return refused(`the file has ${size} bytes, expected ${MAX_BYTES} at most`)
    }
    const lines = (await readFile(file, 'utf8')).split('\n')
    return readTokens(
      lines.map((line) => (line.trim().startsWith('#') ? '' : line)),
      'line'
    )
  } catch (error) {
    return refused(`the file cannot be read: ${messageOf(error)}`)
  }
}

function refused(problem: string): ReturnType<typeof readTokens> {
  return { tokens: [], problems: [problem] }
}
