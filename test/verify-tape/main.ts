/**
 * `npm run verify:tape -- FILE [--bars FILE] [--json] [--profile DIR]`: plays a recorded tape through the
 * whole pipeline and compares what is stored with reference bars. Exit code 0 only when all is equal.
 */
import { access } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { messageOf } from '@tapedeck/core'
import { createProgress } from '@tapedeck/stack'
import { servers, startTestServers } from '../support/servers.ts'
import { computeReferenceBars, readReferenceBars, type ReferenceBar } from './reference-bars.ts'
import { verifyTape, type Verification } from './verify-tape.ts'

const USAGE = `Usage: npm run verify:tape -- FILE [--bars FILE] [--json] [--profile DIR]

  FILE            a tape, .ndjson or .ndjson.gz: a trade or a Finnhub frame a line
  --bars FILE     reference 1-minute bars (CSV); default: the file of the same name that ends in
                  .bars1m.csv.gz, else bars computed from the tape by other means
  --json          the last line is one JSON object with the figures
  --profile DIR   writes a CPU profile of each process
`

async function referenceOf(
  tape: string,
  given: string | undefined
): Promise<[string, ReferenceBar[]]> {
  const beside = tape.replace(/\.ndjson(\.gz)?$/, '.bars1m.csv.gz')
  // Raw frames share the bars of their flattened trades.
  const candidates = given === undefined ? [beside, beside.replace('-frames.', '-flat.')] : [given]
  for (const file of candidates) {
    try {
      await access(file)
    } catch {
      continue
    }
    return [file, await readReferenceBars(file)]
  }
  if (given !== undefined) throw new Error(`Cannot read reference bars: '${given}' is not there`)
  return ['computed from the tape', await computeReferenceBars(tape)]
}

function report(file: string, origin: string, result: Verification): string {
  const rows = [
    `tape         ${file}`,
    `reference    ${origin}`,
    `trades       ${result.documents} stored of ${result.trades}, ${result.symbols} symbols`,
    `1m bars      ${result.equal} equal of ${result.expected}; ${result.different} different, ${result.missing} missing, ${result.unexpected} unexpected`,
    `speed        ${result.seconds.toFixed(1)} s, ${result.tradesPerSecond} trades/s from frame to stored trade`,
    ...result.processes.map(
      ({ name, cpuSeconds, rssMebibytes }) =>
        `${name.padEnd(12)} ${cpuSeconds.toFixed(1)} s CPU, ${((cpuSeconds / result.trades) * 1e6).toFixed(1)} us a trade, ${rssMebibytes} MiB`
    ),
    ...result.differences.map((difference) => `  differs: ${difference}`),
    result.holds ? 'holds        every trade and every bar is equal' : 'FAILS'
  ]
  return `${rows.join('\n')}\n`
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      bars: { type: 'string' },
      json: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false }
    }
  })
  const [tape] = positionals
  if (values.help || tape === undefined || positionals.length > 1) {
    process.stderr.write(USAGE)
    return values.help ? 0 : 2
  }
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort())
  process.once('SIGTERM', () => interrupted.abort())
  const [origin, reference] = await referenceOf(tape, values.bars)
  const running = await startTestServers({
    progress: createProgress((text) => process.stderr.write(text)),
    signal: interrupted.signal
  })
  try {
    const result = await verifyTape({
      tape,
      reference,
      ...servers(),
      processes: running.processes,
      ...(values.profile !== undefined && { profileDir: values.profile }),
      onProgress: ({ trades, sent, published, stored, seconds }) => {
        process.stderr.write(
          `${seconds.toFixed(0).padStart(4)} s  ${sent} sent, ${published} published, ${stored} stored of ${trades}\n`
        )
      }
    })
    process.stdout.write(report(tape, origin, result))
    if (values.json) process.stdout.write(`${JSON.stringify({ tape, ...result })}\n`)
    return result.holds ? 0 : 1
  } finally {
    await running.close()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 1
}
