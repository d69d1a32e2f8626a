import { createServer } from 'node:http'

/** A service that is ready, and complains on its log whenever it finds that it stood still. */
const LATE_MS = 2000

const server = createServer((_request, response) => response.end('{}'))
server.listen(Number(process.env['HANGING_PORT']), '127.0.0.1', () =>
  process.send?.({ type: 'started' })
)

let lastMs = performance.now()
setInterval(() => {
  const nowMs = performance.now()
  if (nowMs - lastMs > LATE_MS) {
    console.log(JSON.stringify({ level: 'warn', msg: 'a request timed out' }))
    console.log('it woke')
  }
  lastMs = nowMs
}, 20)

process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
