/**
 * A child of `npm run bench:live`: connects clients to the stream, counts what they receive and reports the time
 * from the receipt of each trade to a client.
 */
import { once } from 'node:events'
import type { StreamMessage } from '@tapedeck/client'
import { WebSocket } from 'ws'
import type { ClientsReport, ClientsTask } from './live-run.ts'

/** Of so many clients each message is parsed; of the others only the bytes are counted. */
const PARSED = 4

async function main({ url, clients }: ClientsTask): Promise<void> {
  const delaysMs: number[] = []
  const barDelaysMs: number[] = []
  let trades = 0
  let bytes = 0
  let dropped = 0
  let isMeasuring = false
  const sockets = await Promise.all(
    Array.from({ length: clients }, async (_, index) => {
      const socket = new WebSocket(url, { perMessageDeflate: false })
      await once(socket, 'open')
      const live = Promise.withResolvers<void>()
      let isLive = false
      socket.on('message', (data: Buffer) => {
        const nowMs = performance.timeOrigin + performance.now()
        if (!isLive && data.includes('"type":"live"')) {
          isLive = true
          live.resolve()
        }
        if (!isMeasuring) return
        bytes += data.length
        if (index >= PARSED) return
        const message = JSON.parse(data.toString()) as StreamMessage
        if (message.type === 'dropped') dropped += message.trades
        if (message.type !== 'data') return
        for (const { receivedAt } of message.trades ?? []) {
          trades++
          delaysMs.push(nowMs - receivedAt)
        }
        for (const { status, lastTradeAt } of message.bars ?? []) {
          if (status === 'provisional') barDelaysMs.push(nowMs - lastTradeAt)
        }
      })
      socket.send(JSON.stringify({ type: 'subscribe', channels: ['trades', 'bars'], symbols: '*' }))
      await live.promise
      return socket
    })
  )
  process.send?.('live')
  process.on('message', (order) => {
    if (order === 'measure') isMeasuring = true
    else {
      const parsed = Math.min(PARSED, clients)
      const report: ClientsReport = {
        trades: trades / parsed,
        dropped,
        bytes,
        delaysMs,
        barDelaysMs
      }
      process.send?.(report)
      for (const socket of sockets) socket.terminate()
    }
  })
}

process.once('message', (task) => void main(task as ClientsTask))
