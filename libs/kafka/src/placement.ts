import { TapedeckError } from '@tapedeck/core'
import { Partitioners, type PartitionMetadata } from 'kafkajs'

/**
 * The topic whose number of partitions says by how many those of `topic` are counted when the key of a record
 * decides its partition. It stays empty, and as it was made when the number of partitions of `topic` is raised, so a
 * key never moves (docs/adr/0027-a-symbol-keeps-its-partition.md).
 */
export function placementTopicOf(topic: string): string {
  return `${topic}.placement`
}

/**
 * The partition that a key belongs to: murmur2 as in Kafka's Java client, over the first `placement`
 * partitions.
 */
export function partitionOf(key: string | Buffer, placement: number): number {
  const partitionMetadata = metadataOf(placement)
  return murmur2({ topic: '', partitionMetadata, message: { key, value: null } })
}

const murmur2 = Partitioners.DefaultPartitioner()
const made = new Map<number, PartitionMetadata[]>()

/** The partitioner reads nothing but the number of partitions of a record with a key. */
function metadataOf(placement: number): PartitionMetadata[] {
  let found = made.get(placement)
  if (found === undefined) {
    found = Array.from({ length: placement }, (_, partitionId) => ({
      partitionErrorCode: 0,
      partitionId,
      leader: 0,
      replicas: [],
      isr: []
    }))
    made.set(placement, found)
  }
  return found
}

/**
 * Compares the number of partitions of a topic with its placement.
 * @throws CONFIG_INVALID when the topic has fewer
 */
export function assertPlaceable(topic: string, partitions: number, placement: number): void {
  if (placement <= partitions) return
  throw new TapedeckError(
    'CONFIG_INVALID',
    `Cannot use ${topic}: it has ${partitions} partitions, expected at least ${placement} as ` +
      `${placementTopicOf(topic)} has (the topic was created again with fewer: delete ${placementTopicOf(topic)} too)`
  )
}
