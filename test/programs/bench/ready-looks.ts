/**
 * A child of `npm run bench:api`: asks `/readyz` again and again until it is told to stop, and reports what each answer
 * took, ms. In a process of its own, because one that receives large answers notices others late.
 */
import { performance } from 'node:perf_hooks'

const [url = ''] = process.argv.slice(2)
const took: number[] = []

process.on('message', () => {
  process.send?.(took)
  process.disconnect()
})
// The first one loads the client and opens the connection.
await look()
process.send?.('begun')
while (process.connected) {
  const startedMs = performance.now()
  await look()
  took.push(performance.now() - startedMs)
}

async function look(): Promise<void> {
  const answer = await fetch(url)
  await answer.arrayBuffer()
}
