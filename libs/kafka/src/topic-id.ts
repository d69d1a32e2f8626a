import Decoder from 'kafkajs/src/protocol/decoder.js'
import Encoder from 'kafkajs/src/protocol/encoder.js'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { createClient, type ClientLog } from './client.ts'
import { clusterOf, type Cluster, type ProtocolRequest } from './cluster.ts'
import type { KafkaConfig } from './config.ts'
import { openInquiry } from './inquiry.ts'

/** Asks which topic stands behind the configured name at present. */
export interface TopicIds {
  /**
   * The id that the broker gave the topic when it was created, as 32 hexadecimal digits: another topic of
   * the same name has another id, and an id never returns. Undefined when the broker is too old to give
   * topics an id (before Kafka 2.8).
   * @throws BROKER_UNREACHABLE when no broker answers, or the topic does not exist at present
   */
  read(): Promise<string | undefined>
  close(): Promise<void>
}

const METADATA = 3
/** The first version of Metadata with topic ids that asks for topics by name: KIP-516. */
const WITH_TOPIC_IDS = 12
const ASK_LIMIT_MS = 5000

/** Opens the question over a connection of its own, which is made when it is first asked. */
export function openTopicIds(
  config: KafkaConfig,
  { clientId, log }: { readonly clientId: string; readonly log?: ClientLog }
): TopicIds {
  const client = createClient(config, clientId, log, 1)
  const inquiry = openInquiry(() => clusterOf(client), ASK_LIMIT_MS)
  const ask = async ({ brokerPool }: Cluster): Promise<string | undefined> => {
    const broker = await brokerPool.findConnectedBroker()
    if ((broker.versions[METADATA]?.maxVersion ?? 0) < WITH_TOPIC_IDS) return undefined
    return broker.connectionPool.send(topicIdRequest(config.topic))
  }
  return {
    async read() {
      try {
        return await inquiry.ask(ask)
      } catch (cause) {
        throw new TapedeckError(
          'BROKER_UNREACHABLE',
          `Cannot ask for the id of ${config.topic}: ${messageOf(cause)}, expected a broker with that topic`,
          { cause }
        )
      }
    },
    close: () => inquiry.close()
  }
}

/**
 * A Metadata request of version 12 for one topic. kafkajs writes the header of version 1 before the body: the
 * tagged fields that complete the header of version 2 are the first byte of the body.
 * Source: https://kafka.apache.org/protocol#The_Messages_Metadata
 */
function topicIdRequest(topic: string): ProtocolRequest<string> {
  return {
    request: {
      apiKey: METADATA,
      apiVersion: WITH_TOPIC_IDS,
      apiName: 'Metadata',
      encode() {
        const named = new Encoder()
          // No id, of four words: the topic is asked for by its name.
          .writeInt32(0)
          .writeInt32(0)
          .writeInt32(0)
          .writeInt32(0)
          .writeUVarIntString(topic)
          .writeUVarInt(NO_TAGS)
        const body = new Encoder()
          .writeUVarInt(NO_TAGS)
          .writeUVarIntArray([named])
          .writeBoolean(false) // does not create the topic
          .writeBoolean(false) // no authorised operations of the topic
          .writeUVarInt(NO_TAGS)
        return Promise.resolve(body)
      }
    },
    response: {
      decode: (answer) => Promise.resolve(topicIdIn(new Decoder(answer))),
      parse: (id) => Promise.resolve(id)
    }
  }
}

const NO_TAGS = 0
const UUID_BYTES = 16

function topicIdIn(answer: Decoder): string {
  answer.readTaggedFields() // of the header
  answer.readInt32() // throttle time
  answer.readUVarIntArray((broker) => {
    broker.readInt32() // node id
    broker.readUVarIntString() // host
    broker.readInt32() // port
    broker.readUVarIntString() // rack
    broker.readTaggedFields()
  })
  answer.readUVarIntString() // cluster id
  answer.readInt32() // controller
  const [first] = answer.readUVarIntArray((topic) => {
    const errorCode = topic.readInt16()
    topic.readUVarIntString() // name
    return { errorCode, id: topic.readBytes(UUID_BYTES).toString('hex') }
  })
  if (first === undefined || first.errorCode !== 0) {
    throw new TapedeckError(
      'BROKER_UNREACHABLE',
      first?.errorCode === UNKNOWN_TOPIC
        ? 'the topic does not exist'
        : `the broker answers with error ${first?.errorCode ?? 'none'}`
    )
  }
  return first.id
}

const UNKNOWN_TOPIC = 3
