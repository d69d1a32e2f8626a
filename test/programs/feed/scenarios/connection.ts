import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { FeedScenario } from '../scenario.ts'
import { TOKEN, type Harness } from '../harness.ts'
import { startService } from '../../../support/service-process.ts'
import { until } from '../../../support/until.ts'

/** Another client with the same key. */
async function rival({ simulator }: Harness): Promise<WebSocket> {
  const socket = new WebSocket(`${simulator.url}?token=${TOKEN}`)
  socket.on('error', () => undefined)
  await once(socket, 'open')
  return socket
}

const playing = ({ simulator }: Harness): Promise<void> =>
  until('frames come', () => simulator.stats().framesSent >= 10)

const RECONNECTS = 'connects again and subscribes'
const IN_FLIGHT = { mayLoseInFlight: true } as const

/** Handshakes that fail, connections that end or fall silent, and limits. */
export const CONNECTION_SCENARIOS: readonly FeedScenario[] = [
  {
    name: 'refused-401',
    reaction: 'stops with a clear error, asks no more',
    expect: { refusals: 1, failure: 'FEED_REFUSED', gaps: 1, ...IN_FLIGHT }
  },
  {
    name: 'busy-429',
    reaction: 'waits longer than after other failures, then connects',
    expect: { connections: 2, refusals: 2, gaps: 1, gapsLast: 300, ...IN_FLIGHT }
  },
  {
    name: 'answer-200',
    reaction: 'backs off and connects again',
    expect: { connections: 2, refusals: 6, gaps: 1, ...IN_FLIGHT }
  },
  {
    name: 'answer-524',
    reaction: 'backs off and connects again',
    expect: { connections: 2, refusals: 6, gaps: 1, ...IN_FLIGHT }
  },
  {
    name: 'one-key-two-clients',
    reaction: RECONNECTS,
    expect: { connections: 3, cause: /closed with code 1006/, gaps: 1, ...IN_FLIGHT },
    async meanwhile(harness) {
      await playing(harness)
      await once(await rival(harness), 'close')
    }
  },
  {
    name: 'key-held',
    reaction: 'waits until the key is free, then connects',
    expect: { connections: 2, refusals: { atLeast: 1 }, cause: /429/ },
    async before(harness) {
      const other = await rival(harness)
      void (async () => {
        await until('the producer was refused', () => harness.simulator.stats().refusals > 0)
        other.close()
      })().catch(() => other.terminate())
    }
  },
  {
    name: 'two-producers',
    about: 'a second producer is started with the same key',
    reaction: 'the second waits and names the first; no connection is lost',
    faults: [{ when: { frames: 10 }, do: 'key', rule: 'kill' }],
    expect: {},
    async meanwhile(harness) {
      const second = await startService('producer', {
        ...harness.producerEnv,
        TAPEDECK_DATA_DIR: `${harness.producerEnv['TAPEDECK_DATA_DIR']}/second`
      })
      try {
        await until('it waits', () => /another producer uses this key/.test(second.lastLines()))
      } finally {
        await second.stop()
      }
    }
  },
  {
    name: 'close-1000',
    reaction: RECONNECTS,
    expect: { connections: 2, cause: /closed with code 1000/, gaps: 1 }
  },
  {
    name: 'close-1001',
    reaction: RECONNECTS,
    expect: { connections: 2, cause: /closed with code 1001/, gaps: 1 }
  },
  {
    name: 'close-1006',
    reaction: RECONNECTS,
    expect: { connections: 2, cause: /closed with code 1006|ECONNRESET/, gaps: 1, ...IN_FLIGHT }
  },
  {
    name: 'close-after-2s',
    reaction: RECONNECTS,
    expect: { connections: 2, cause: /closed with code 1011/, gaps: 1 }
  },
  {
    name: 'close-at-once',
    reaction: 'backs off further each time, connects in the end',
    expect: { connections: 5, gaps: 1, ...IN_FLIGHT }
  },
  {
    name: 'pings-only',
    about: 'the trades stop for 2 s, pings continue',
    reaction: 'stays connected: the connection is alive',
    faults: [
      { when: { frames: 10 }, do: 'mute', pings: true },
      { when: { ms: 2000 }, do: 'unmute' }
    ],
    expect: { frames: { ping: { atLeast: 5 } } }
  },
  {
    name: 'silence',
    reaction: 'closes the silent connection after the limit, connects again',
    expect: { connections: 2, cause: /no frame for 1500 ms/, gaps: 1 }
  },
  {
    name: 'half-open',
    reaction: 'misses the pong, closes the connection, connects again',
    expect: { connections: 2, cause: /ping|pong/, gaps: 1 }
  },
  {
    name: 'half-open-key-held',
    reaction: 'misses the pong, waits until the key is free',
    expect: {
      connections: 2,
      refusals: { atLeast: 1 },
      cause: /ping|pong|429/,
      gaps: 1
    }
  },
  {
    name: 'too-many-symbols',
    reaction: 'says which symbol is over the limit, follows the others',
    expect: { feedError: /too many symbols/, overTheLimit: ['BINANCE:BTCUSDT'] }
  },
  {
    name: 'slot-freed',
    about: 'a symbol over the limit, then the limit is raised and the connection closed',
    reaction: 'asks again for what was over the limit',
    faults: [
      { do: 'limit', symbols: 2 },
      { when: { frames: 10 }, do: 'limit', symbols: 51 },
      { do: 'close', code: 1001 },
      { when: { subscribed: 3 }, do: 'wait' }
    ],
    expect: { connections: 2, feedError: /too many symbols/, gaps: 1 }
  },
  {
    name: 'thrice',
    reaction: 'every copy stored under its own id, and marked',
    expect: { copies: { kept: 40 } }
  },
  {
    name: 'thrice-dropped',
    about: 'twenty frames come three times each, with FRAME_COPIES=drop',
    reaction: 'each frame stored once, the copies counted',
    env: { FRAME_COPIES: 'drop' },
    faults: [
      { when: { frames: 5 }, do: 'repeat', times: 3, frames: 20 },
      { when: { frames: 20 }, do: 'wait' }
    ],
    expect: { copies: { dropped: 40 } }
  }
]
