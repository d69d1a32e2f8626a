import { messageOf } from '@tapedeck/core'
import { notThere, type Step } from './find.ts'
import { neverExits, type RunningServer } from './supervise.ts'

/** The starter script of @testcontainers/kafka fits only Confluent's images. */
const KAFKA_IMAGE = 'confluentinc/cp-kafka:8.0.0'
const MONGODB_IMAGE = 'mongo:7.0.41'
const KAFKA_CONTAINER_PORT = 9093

export interface Docker {
  readonly kind: 'docker'
}

/** The last choice: a Docker engine that answers. The docker command alone is no proof of one. */
export const dockerStep: Step<Docker> = {
  name: 'Docker',
  find: async () => {
    await askDocker()
    return { kind: 'docker' }
  }
}

/** The name and version of the engine. @throws SERVER_MISSING with the reason */
export async function askDocker(): Promise<string> {
  try {
    const { getContainerRuntimeClient } = await import('testcontainers')
    const { info } = await getContainerRuntimeClient()
    return `${info.containerRuntime.operatingSystem} ${info.containerRuntime.serverVersion}`
  } catch (error) {
    throw notThere(messageOf(error))
  }
}

/** A broker whose data is lost with its container. */
export async function startKafkaContainer(): Promise<RunningServer> {
  const { KafkaContainer } = await import('@testcontainers/kafka')
  const container = await new KafkaContainer(KAFKA_IMAGE).withKraft().start()
  const address = `${container.getHost()}:${container.getMappedPort(KAFKA_CONTAINER_PORT)}`
  return inDocker(container, address, `Kafka in Docker (${KAFKA_IMAGE})`)
}

/** A database whose data is lost with its container. */
export async function startMongoContainer(): Promise<RunningServer> {
  const { MongoDBContainer } = await import('@testcontainers/mongodb')
  const container = await new MongoDBContainer(MONGODB_IMAGE).start()
  // A one-member replica set announces a name that only the container can resolve.
  const address = `${container.getConnectionString()}/?directConnection=true`
  return inDocker(container, address, `MongoDB in Docker (${MONGODB_IMAGE})`)
}

function inDocker(
  container: { stop(): Promise<unknown> },
  address: string,
  description: string
): RunningServer {
  return {
    pid: undefined,
    address,
    description,
    exited: neverExits,
    stop: async () => void (await container.stop())
  }
}
