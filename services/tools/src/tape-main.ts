import { runCommand, stopSignal } from '@tapedeck/core'
import { showTape, tapeCommand } from './tape/tape.ts'

/** `npm run tape -- AAPL,MSFT`: the moving tape in a terminal. */
await runCommand({
  ...tapeCommand,
  async run(args) {
    const { stdout } = process
    const display = {
      get columns() {
        return stdout.columns ?? 80
      },
      get rows() {
        return stdout.rows ?? 24
      },
      isTerminal: stdout.isTTY,
      write: (text: string) => void stdout.write(text)
    }
    const port = process.env['API_PORT']?.trim() ?? ''
    const token = process.env['API_TOKEN']?.trim()
    const api = args.api ?? `http://127.0.0.1:${port === '' ? '8080' : port}`
    await showTape(args, api, display, stopSignal(), token === '' ? undefined : token)
    return 0
  }
})
