/**
 * `npm run test:feed -- [--json] [--only NAME[,NAME…]]`: lets every fault of a feed happen to the real
 * producer, broker, consumer and database, and says for each what was expected and what was seen.
 * Exit code 0 only when all holds.
 */
import { parseArgs } from 'node:util'
import { messageOf } from '@tapedeck/core'
import { createProgress } from '@tapedeck/stack'
import { startTestServers } from '../../support/servers.ts'
import { playAll } from './play-all.ts'
import { FEED_SCENARIOS } from './scenarios/index.ts'
import { tableHead, tableRow } from './table.ts'
import { measureThroughput, throughputLine } from './throughput.ts'

const USAGE = `Usage: npm run test:feed -- [--json] [--only NAME[,NAME...]] [--list]

  --only NAMES   these scenarios, and no measurement of the throughput
  --list         the names
  --json         the last line is one JSON object with all results
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      only: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false }
    }
  })
  if (values.help || values.list) {
    const names = FEED_SCENARIOS.map(({ name }) => `${name}\n`).join('')
    process.stdout.write(values.help ? USAGE : names)
    return 0
  }
  const only = values.only?.split(',')
  const unknown = only?.filter((name) => !FEED_SCENARIOS.some((one) => one.name === name)) ?? []
  if (unknown.length > 0) {
    process.stderr.write(`There is no scenario '${unknown.join("', '")}', see --list\n`)
    return 2
  }
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort())
  process.once('SIGTERM', () => interrupted.abort())
  const servers = await startTestServers({
    progress: createProgress((text) => process.stderr.write(text)),
    signal: interrupted.signal
  })
  try {
    process.stdout.write(tableHead())
    const results = await playAll(
      FEED_SCENARIOS.filter(({ name }) => only?.includes(name) ?? true),
      (result) => process.stdout.write(tableRow(result)),
      interrupted.signal
    )
    const failed = results.filter(({ problems }) => problems.length > 0).length
    process.stdout.write(`\n${results.length - failed} of ${results.length} scenarios hold\n`)
    const throughput = only === undefined ? await measureThroughput() : undefined
    if (throughput !== undefined) process.stdout.write(throughputLine(throughput))
    if (values.json) {
      const holds = failed === 0
      process.stdout.write(`${JSON.stringify({ holds, scenarios: results, throughput })}\n`)
    }
    return failed === 0 && !interrupted.signal.aborted ? 0 : 1
  } finally {
    await servers.close()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 1
}
