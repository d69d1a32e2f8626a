/*
 * Loaded before each test file: ends its process when it does not end by itself. `timeout` of node:test holds for
 * tests, not for files, so a socket that a test left open would keep the whole run waiting.
 */
import { after } from 'node:test'
import { isMainThread } from 'node:worker_threads'

const END_LIMIT_MS = 20_000

if (isMainThread) {
  // Its forks are no test files.
  process.execArgv.splice(process.execArgv.indexOf('--import'), 2)
  const limitMs = Number(process.env['TEST_FILE_LIMIT_MS'])
  setTimeout(() => end(`took longer than ${limitMs} ms`), limitMs).unref()
  after(() => {
    setTimeout(
      () => end(`did not end within ${END_LIMIT_MS} ms of its tests`),
      END_LIMIT_MS
    ).unref()
  })
}

function end(what: string): never {
  const open = process.getActiveResourcesInfo().join(', ')
  process.stderr.write(`This test file ${what}; still open: ${open}\n`)
  process.exit(1)
}
