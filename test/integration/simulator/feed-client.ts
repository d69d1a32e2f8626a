import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import type { Clock } from '@tapedeck/core'
import { createContext, createLogger } from '@tapedeck/service'
import { readConfig, startSimulator, type RunningSimulator } from '@tapedeck/simulator/testing'
import { WebSocket } from 'ws'
import { until as poll } from '../../support/until.ts'

export interface TestedSimulator extends RunningSimulator {
  /** Resolves when the service fails in the background. */
  readonly stopped: Promise<{ error: unknown } | undefined>
  stop(): Promise<boolean>
}

/** The real server in this process, stopped with the test. */
export async function aSimulator(
  t: TestContext,
  env: Readonly<Record<string, string>> = {},
  clock?: Clock
): Promise<TestedSimulator> {
  const { context, stop, stopped } = createContext(createLogger('simulator', 'silent'))
  const end = (): Promise<boolean> => {
    stop()
    return context.close()
  }
  t.after(end)
  const running = await startSimulator(readConfig(env), context, clock)
  return { ...running, stopped, stop: end }
}

export interface FeedClient {
  readonly socket: WebSocket
  /** Every text received, in order. */
  readonly texts: string[]
  subscribe(...symbols: readonly string[]): void
  unsubscribe(symbol: string): void
}

export async function aClient(t: TestContext, url: string): Promise<FeedClient> {
  const socket = new WebSocket(`${url}?token=any`)
  t.after(() => socket.terminate())
  const texts: string[] = []
  socket.on('message', (data) => texts.push((data as Buffer).toString()))
  await once(socket, 'open')
  const send = (type: string, symbol: string): void => socket.send(JSON.stringify({ type, symbol }))
  return {
    socket,
    texts,
    subscribe: (...symbols) => symbols.forEach((symbol) => send('subscribe', symbol)),
    unsubscribe: (symbol) => send('unsubscribe', symbol)
  }
}

/** The status with which a handshake is answered; 101 when it succeeds. */
export async function handshakeStatus(url: string): Promise<number> {
  const { hostname, port, pathname, search } = new URL(url)
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16).toString('base64')
  }
  const asked = request({ hostname, port, path: pathname + search, headers: upgrade })
  asked.on('error', reject)
  asked.on('response', (response) => {
    resolve(response.statusCode ?? 0)
    response.destroy()
  })
  asked.on('upgrade', (response, socket) => {
    socket.destroy()
    resolve(response.statusCode ?? 0)
  })
  asked.end()
  return promise
}

/** Polls often, because these tests wait for single frames. */
export function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = 20_000
): Promise<void> {
  return poll(what, holds, limitMs, 5)
}

/** A file with this content, removed with the test. */
export function aTapeFile(t: TestContext, content: string | Buffer): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tapedeck-simulator-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'tape')
  writeFileSync(file, content)
  return file
}

export interface ReceivedTrade {
  readonly s: string
  readonly p: number
  readonly t: number
  readonly v: number
}

/** The trades in the texts, in order; frames of other types have none. */
export function tradesIn(texts: readonly string[]): ReceivedTrade[] {
  return texts.flatMap((text) => (JSON.parse(text) as { data?: ReceivedTrade[] }).data ?? [])
}
