import { messageOf } from '@tapedeck/core'
import { notThere, type Step } from './first-found.ts'
import { neverExits, type RunningServer } from './running-server.ts'

/** Kafka's starter script of @testcontainers/kafka fits Confluent's images only. */
const KAFKA_IMAGE = 'confluentinc/cp-kafka:8.0.0'
const MONGODB_IMAGE = 'mongo:7.0.41'
const KAFKA_CONTAINER_PORT = 9093

export interface Docker {
  readonly kind: 'docker'
}

/** Last resort: a Docker engine that answers; a docker command alone proves nothing. */
export const dockerStep: Step<Docker> = {
  name: 'Docker',
  find: async () => {
    await askDocker()
    return { kind: 'docker' }
  }
}

/** Resolves to the engine's name; @throws SERVER_MISSING with the reason */
export async function askDocker(): Promise<string> {
  try {
    const { getContainerRuntimeClient } = await import('testcontainers')
    const { info } = await getContainerRuntimeClient()
    return `${info.containerRuntime.operatingSystem} ${info.containerRuntime.serverVersion}`
  } catch (error) {
    throw notThere(messageOf(error))
  }
}

/** Its data is gone with the container, unlike that of the embedded servers. */
export async function startKafkaContainer(): Promise<RunningServer> {
  const { KafkaContainer } = await import('@testcontainers/kafka')
  const container = await new KafkaContainer(KAFKA_IMAGE).withKraft().start()
  return {
    ...inDocker(container),
    address: `${container.getHost()}:${container.getMappedPort(KAFKA_CONTAINER_PORT)}`,
    description: `Kafka in Docker (${KAFKA_IMAGE})`
  }
}

export async function startMongoContainer(): Promise<RunningServer> {
  const { MongoDBContainer } = await import('@testcontainers/mongodb')
  const container = await new MongoDBContainer(MONGODB_IMAGE).start()
  return {
    ...inDocker(container),
    // A one-member replica set announces a name that only the container knows.
    address: `${container.getConnectionString()}/?directConnection=true`,
    description: `MongoDB in Docker (${MONGODB_IMAGE})`
  }
}

function inDocker(container: {
  stop(): Promise<unknown>
}): Pick<RunningServer, 'pid' | 'exited' | 'stop'> {
  return {
    pid: undefined,
    exited: neverExits,
    stop: async () => void (await container.stop())
  }
}
