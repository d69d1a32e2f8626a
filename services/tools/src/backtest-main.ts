import { BACKTEST_USAGE, readBacktestArguments } from './backtest/arguments.ts'
import { runBacktest } from './backtest/backtest.ts'
import { writeReport } from './backtest/report.ts'
import { resultText } from './backtest/result-text.ts'
import { runCommand } from './command/run-command.ts'

/** `npm run backtest -- --file TAPE`: exit code 0 it ran, 1 it failed on the way, 2 cannot begin. */
await runCommand({
  usage: BACKTEST_USAGE,
  read: readBacktestArguments,
  async run(args, screen) {
    const now = (): number => performance.now()
    const result = await runBacktest(args, { env: process.env, screen, now })
    screen.write(resultText(result))
    if (args.reportFolder !== undefined) {
      screen.note(`report: ${await writeReport(args.reportFolder, result)}`)
    }
    if (args.isJson) screen.write(`${JSON.stringify(result)}\n`)
    return 0
  }
})
