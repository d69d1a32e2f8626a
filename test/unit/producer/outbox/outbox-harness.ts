import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { TapedeckError } from '@tapedeck/core'
import type { TradeRecord } from '@tapedeck/domain'
import type { OutgoingRecord } from '@tapedeck/kafka'
import { Outbox, producerMetrics, Spool } from '@tapedeck/producer/testing'
import { createLogger, createMetrics } from '@tapedeck/service'
import { eventually } from '../../../support/eventually.ts'
import { aRecord } from '../../../support/trades.ts'

export const log = createLogger('test', 'silent')

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-spool-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Records of two symbols in frame order; the price is the frame's number. */
export function frames(from: number, count: number, receivedAt = Date.now()): TradeRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const frame = from + i
    return aRecord({ frame, receivedAt, symbol: frame % 2 === 0 ? 'MSFT' : 'AAPL' })
  })
}

export function frameOf({ value }: { readonly value: string }): number {
  return (JSON.parse(value) as TradeRecord).frame
}

/** A broker that takes records, refuses them, or answers when the test says so. */
export class ScriptedBroker {
  readonly taken: OutgoingRecord[] = []
  /** How the next sends end. */
  mood: 'takes' | 'away' | 'hangs' = 'takes'
  /** Permanently refuses these, and with them their batch. */
  poison: (record: OutgoingRecord) => boolean = () => false
  sends = 0
  #waiting: (() => void)[] = []

  async send(records: readonly OutgoingRecord[]): Promise<void> {
    this.sends++
    await new Promise((resolve) => setImmediate(resolve))
    if (this.mood === 'hangs') await new Promise<void>((resolve) => this.#waiting.push(resolve))
    if (this.mood === 'away') throw new TapedeckError('PUBLISH_FAILED', 'Cannot publish: away')
    if (records.some(this.poison)) throw new TapedeckError('RECORD_REFUSED', 'refused: TOO_LARGE')
    this.taken.push(...records)
  }

  /** Lets the sends that hang go on in the mood set now. */
  wake(mood: 'takes' | 'away'): void {
    this.mood = mood
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

export interface OutboxRun {
  readonly outbox: Outbox
  readonly refused: { reason: string; raw: string }[]
  /** Resolves when the broker has everything. */
  drained(): Promise<void>
  /** The value of a metric with its labels as written. */
  metric(name: string): Promise<number>
}

/** One run of a producer's outbox on a spool folder; closed with the test. */
export async function openOutbox(
  t: TestContext,
  broker: ScriptedBroker,
  dir: string,
  {
    maxBytes = 64 * 1024 * 1024,
    spoolAfterMs = 40
  }: { maxBytes?: number; spoolAfterMs?: number } = {}
): Promise<OutboxRun> {
  const metrics = createMetrics()
  const refused: { reason: string; raw: string }[] = []
  const outbox = new Outbox({
    feed: 'finnhub',
    publisher: broker,
    prepare: () => Promise.resolve(3),
    mayPublish: () => true,
    spool: await Spool.open({ dir, maxBytes, fsync: 'interval' }, log),
    spoolAfterMs,
    metrics: producerMetrics(metrics),
    log,
    deadLetters: { add: (reason, raw) => refused.push({ reason, raw }) }
  })
  t.after(() => outbox.close(0).catch(() => undefined))
  return {
    outbox,
    refused,
    drained: () => eventually(() => assert.ok(outbox.isEmpty), { everyMs: 2 }),
    async metric(name) {
      const { body } = await metrics.expose()
      const line = body.split('\n').find((text) => text.startsWith(`tapedeck_${name} `))
      return Number(line?.split(' ').at(-1) ?? 0)
    }
  }
}

/** A copy of the folder as a kill would leave it now, without the owner of its lock. */
export async function asKilled(t: TestContext, dir: string): Promise<string> {
  const copy = await temporaryFolder(t)
  await cp(dir, copy, { recursive: true })
  await rm(path.join(copy, 'lock'), { force: true })
  return copy
}

export async function segmentFiles(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => name.endsWith('.spool')).toSorted()
}
