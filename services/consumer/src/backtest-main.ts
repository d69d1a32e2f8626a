import { BACKTEST_USAGE, readBacktestArguments } from './backtest/arguments.ts'
import { runBacktest } from './backtest/backtest.ts'
import { writeReport } from './backtest/report.ts'
import { resultText } from './backtest/result-text.ts'
import { failureOf } from './reprocess/arguments.ts'
import { processScreen } from './reprocess/screen.ts'

/** `npm run backtest -- --file TAPE`: exit code 0 it ran, 1 it failed on the way, 2 cannot begin. */
const write = (text: string): void => void process.stdout.write(text)
const writeError = (text: string): void => void process.stderr.write(text)
try {
  const args = readBacktestArguments(process.argv.slice(2))
  if (args === 'help') write(BACKTEST_USAGE)
  else {
    const result = await runBacktest(args, {
      env: process.env,
      screen: processScreen(write, writeError, Date.now),
      now: () => performance.now()
    })
    write(resultText(result))
    if (args.reportFolder !== undefined) {
      writeError(`report: ${await writeReport(args.reportFolder, result)}\n`)
    }
    if (args.isJson) write(`${JSON.stringify(result)}\n`)
  }
} catch (error) {
  const { text, code } = failureOf(error)
  writeError(text)
  process.exitCode = code
}
