/**
 * `npm run test:feed -- [--json] [--only NAME[,NAME…]]`: lets every fault of a feed happen to the real
 * producer, broker, consumer and database, and says for each what was expected and what was seen.
 * Exit code 0 only when all holds.
 */
import { commandLine, runCommand, stopSignal } from '@tapedeck/core'
import { createProgress, SERVER_SETTINGS } from '@tapedeck/stack/testing'
import { startTestServers } from '../../support/servers.ts'
import { FEED_SCENARIOS, playAll } from './play-all.ts'
import { tableHead, tableRow } from './table.ts'
import { measureThroughput, throughputLine } from './throughput.ts'

const command = commandLine({
  name: 'test:feed',
  purpose:
    'Lets every fault of a feed happen to the real producer, broker, consumer and database, and says for each what ' +
    'was expected and what was seen.',
  forms: ['-- [--only NAME[,NAME…]] [--list] [--json]'],
  options: {
    only: ['text', 'NAMES', 'these scenarios, and no measurement of the throughput'],
    list: ['flag', 'print the names'],
    json: ['flag', 'the last line is one JSON object with all results']
  },
  settings: SERVER_SETTINGS,
  exits: ['all holds', 'something does not', 'wrong arguments, or a server is missing'],
  example: '-- --only half-open,late-40m',
  read(given) {
    const names = FEED_SCENARIOS.map(({ name }) => name)
    const only = given.list('only')
    for (const name of only ?? []) given.choiceOf('--only', name, names)
    return { only, isList: given.flag('list'), isJson: given.flag('json') }
  }
})

await runCommand({
  ...command,
  async run({ only, isList, isJson }, terminal) {
    if (isList) {
      terminal.write(FEED_SCENARIOS.map(({ name }) => `${name}\n`).join(''))
      return 0
    }
    const signal = stopSignal()
    const servers = await startTestServers({
      progress: createProgress((text) => process.stderr.write(text)),
      signal
    })
    try {
      terminal.write(tableHead())
      const results = await playAll(
        FEED_SCENARIOS.filter(({ name }) => only?.includes(name) ?? true),
        (result) => terminal.write(tableRow(result)),
        signal
      )
      const failed = results.filter(({ problems }) => problems.length > 0).length
      terminal.write(`\n${results.length - failed} of ${results.length} scenarios hold\n`)
      const throughput = only === undefined ? await measureThroughput() : undefined
      if (throughput !== undefined) terminal.write(throughputLine(throughput))
      if (isJson) {
        const holds = failed === 0
        terminal.write(`${JSON.stringify({ holds, scenarios: results, throughput })}\n`)
      }
      return failed === 0 && !signal.aborted ? 0 : 1
    } finally {
      await servers.close()
    }
  }
})
