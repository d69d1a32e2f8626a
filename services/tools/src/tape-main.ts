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
    const [port = '', token = ''] = [process.env['API_PORT'], process.env['API_TOKEN']]
    const api = args.api ?? `http://127.0.0.1:${port.trim() === '' ? '8080' : port.trim()}`
    await showTape(args, api, display, stopSignal(), token.trim() === '' ? undefined : token.trim())
    return 0
  }
})
