import { runCommand } from '@tapedeck/core'
import { backtestCommand } from './backtest/arguments.ts'
import { runBacktest } from './backtest/backtest.ts'
import { resultText, writeReport } from './backtest/report.ts'

/** `npm run backtest -- --file TAPE`: exit code 0 it ran, 1 it failed on the way, 2 cannot begin. */
await runCommand({
  ...backtestCommand,
  async run(args, terminal) {
    const now = (): number => performance.now()
    const result = await runBacktest(args, { env: process.env, terminal, now })
    terminal.write(resultText(result))
    if (args.reportFolder !== undefined) {
      terminal.note(`report: ${await writeReport(args.reportFolder, result)}`)
    }
    if (args.isJson) terminal.write(`${JSON.stringify(result)}\n`)
    return 0
  }
})
