import { TapedeckError } from '@tapedeck/core'
import type { KafkaMessage } from 'kafkajs'
import type { createClient } from './client.ts'

/** A request of the Kafka protocol as kafkajs sends it: the body follows its header of version 1. */
export interface ProtocolRequest<T> {
  readonly request: {
    readonly apiKey: number
    readonly apiVersion: number
    readonly apiName: string
    encode(): Promise<unknown>
  }
  readonly response: {
    decode(answer: Buffer): Promise<T>
    parse(answer: T): Promise<T>
  }
}

/** The part of kafkajs's internal broker object by which a request of our own is sent. */
interface Broker {
  /** The versions that the broker speaks, by api key. */
  readonly versions: Readonly<Record<number, { readonly maxVersion: number } | undefined>>
  readonly connectionPool: { send<T>(request: ProtocolRequest<T>): Promise<T> }
  /** @throws KafkaJSOffsetOutOfRange */
  fetch(request: {
    readonly isolationLevel: number
    readonly maxWaitTime: number
    readonly minBytes: number
    readonly maxBytes: number
    readonly topics: readonly {
      readonly topic: string
      readonly partitions: readonly {
        readonly partition: number
        readonly fetchOffset: string
        readonly maxBytes: number
      }[]
    }[]
  }): Promise<{
    readonly responses: readonly {
      readonly partitions: readonly { readonly messages: readonly KafkaMessage[] }[]
    }[]
  }>
}

/** The part of kafkajs's internal cluster object that its public clients do not offer. */
export interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  findGroupCoordinator(group: { groupId: string }): Promise<{
    leaveGroup(member: { groupId: string; memberId: string }): Promise<unknown>
  }>
  addTargetTopic(topic: string): Promise<unknown>
  /** The partitions that each broker leads, by the broker's id. */
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>
  findBroker(broker: { nodeId: string }): Promise<Broker>
  readonly brokerPool: { findConnectedBroker(): Promise<Broker> }
}

/**
 * Makes a cluster object of a client; it is not connected yet. kafkajs keeps it to itself: the version is
 * pinned, and test/integration/kafka guards each use.
 */
export function clusterOf(client: ReturnType<typeof createClient>): Cluster {
  const symbol = Object.getOwnPropertySymbols(client).find(
    ({ description }) => description === 'private:Kafka:createCluster'
  )
  const create =
    symbol === undefined
      ? undefined
      : (client as unknown as Record<symbol, ((options: object) => Cluster) | undefined>)[symbol]
  if (create === undefined) {
    throw new TapedeckError('STATE_CORRUPT', 'This kafkajs has no createCluster, expected 2.2.4')
  }
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false })
}
