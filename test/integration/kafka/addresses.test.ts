import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { readEnv } from '@tapedeck/core'
import { KAFKA_VARIABLES, kafkaConfig, pingBroker } from '@tapedeck/kafka'
import { servers } from '../../support/servers.ts'

const LIMIT_MS = 20_000

describe('KAFKA_BROKERS', { timeout: 60_000 }, () => {
  // The broker itself listens on 127.0.0.1; a TCP proxy stands for one that listens on ::1.
  it('reaches a broker by an IPv6 address', async (t) => {
    const [broker = ''] = servers().brokers
    const [host, port] = broker.split(':')
    const proxy = createServer((near) => {
      const far = connect(Number(port), host)
      near.on('error', () => undefined).pipe(far)
      far.on('error', () => undefined).pipe(near)
      near.on('close', () => far.destroy())
    }).listen(0, '::1')
    t.after(() => proxy.close())
    await once(proxy, 'listening')
    const KAFKA_BROKERS = `[::1]:${(proxy.address() as AddressInfo).port}`
    const config = kafkaConfig(readEnv({ KAFKA_BROKERS }, KAFKA_VARIABLES))
    assert.match(await pingBroker(config, LIMIT_MS), /^[\w-]{22}$/)
  })
})
