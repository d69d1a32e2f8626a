import { createHash } from 'node:crypto'
import { TapedeckError } from '@tapedeck/core'
import { CONDITION_TABLE_VERSION, type FoldState, type Rules } from '@tapedeck/domain'
import type { UpdateFilter } from 'mongodb'
import { newestBarStartMs, type HasBars } from './bars.ts'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { translated } from './failure.ts'
import type { Owner, Ownership } from './guard.ts'

/** The process that reads a partition, and its name in the consumer group. */
export interface PartitionOwner {
  readonly host: string
  readonly pid: number
  /** When the process started, as the operating system prints it. */
  readonly started: string
  readonly memberId: string
}

/** The state of one partition; `_id` is `<topic>/<partition>`. */
export interface CheckpointDocument {
  readonly _id: string
  /** Rises with each owner; a writer of an earlier epoch must stop. */
  readonly epoch: number
  /** The first epoch that read the present log; the offsets of documents of earlier epochs are of another log. */
  readonly logEpoch: number
  readonly clusterId: string
  readonly owner: PartitionOwner
  /** Every record below it is in trades, bars and forecasts. */
  readonly nextOffset: number
  /** Documents may hold records below it: the flush was announced and perhaps not finished. */
  readonly flushingTo: number
  /** The watermark of that flush, epoch ms; the clock may have moved it beyond its records. */
  readonly flushingWatermarkMs?: number | null
  /** No bar of this log begins later, epoch ms; null while no bar is stored. */
  readonly storedUntilMs: number | null
  /** Forecast series that last changed at this offset or later may have outdated scores; null: none has. */
  readonly unscoredFrom?: number | null
  /** FoldState of libs/domain: watermark and last frame of each connection. */
  readonly state: unknown
  /** Hash of the settings that results depend on: timeframes, policy, lateness. */
  readonly configHash: string
  readonly updatedAt: Date
}

export const CHECKPOINTS = new CollectionSpec<CheckpointDocument>('checkpoints', {
  writeConcern: DURABLE
})

type HasCheckpoints = Has<'checkpoints', CheckpointDocument>

/** A partition as its new owner finds it. */
export interface Acquired extends Ownership {
  /** Records below it may be in documents although their flush was not finished. */
  readonly flushingTo: number
  /** The watermark of that flush; -Infinity when none was announced. */
  readonly flushingWatermarkMs: number
  /** No stored bar of this log begins later; -Infinity when no bar is stored. */
  readonly storedUntilMs: number
  /** Forecast series that last changed at this offset or later may have outdated scores; Infinity: none has. */
  readonly unscoredFrom: number
  readonly state: FoldState | undefined
  /** The checkpoint was made under other settings (timeframes, policy, lateness). */
  readonly configChanged: boolean
}

interface AcquireOptions {
  readonly log: string
  readonly owner: PartitionOwner
  readonly clusterId: string
  readonly configHash: string
  /** Offset after the last record of the log when it was last read; the log may have grown since. */
  readonly endOffset: number
  /** Reads it again. A checkpoint or a flush beyond it belongs to an older log, or the log lost its end. */
  lookAtEnd(): Promise<number>
}

/**
 * Makes the caller the owner of a partition by raising its epoch, so that an earlier owner's writes fail from
 * now on. A new log under an old name (of another cluster, or shorter than the checkpoint) is read from its
 * start.
 */
export async function acquirePartition(
  database: HasCheckpoints & HasBars,
  { log, owner, clusterId, configHash, endOffset, lookAtEnd }: AcquireOptions
): Promise<Acquired> {
  return translated(`Cannot acquire ${log}`, async () => {
    const found = await database.checkpoints.findOneAndUpdate(
      { _id: log },
      { $inc: { epoch: 1 }, $set: { owner, updatedAt: new Date() } },
      { upsert: true, returnDocument: 'after' }
    )
    if (found === null) throw new TapedeckError('STATE_CORRUPT', `Checkpoint ${log} vanished`)
    const isNew = found.clusterId === undefined
    // The previous owner may have read on since; from the raised epoch on it cannot.
    const reached = Math.max(found.nextOffset, found.flushingTo)
    const isBeyond = async (): Promise<boolean> =>
      reached > endOffset && reached > (await lookAtEnd())
    const isOtherLog = !isNew && (found.clusterId !== clusterId || (await isBeyond()))
    if (!isNew && !isOtherLog) {
      return {
        log,
        epoch: found.epoch,
        logEpoch: found.logEpoch,
        nextOffset: found.nextOffset,
        flushingTo: found.flushingTo,
        flushingWatermarkMs: found.flushingWatermarkMs ?? -Infinity,
        storedUntilMs: found.storedUntilMs ?? -Infinity,
        // A flush that was cut off after its series changed scores from nextOffset on.
        unscoredFrom: Math.min(found.unscoredFrom ?? Infinity, found.nextOffset),
        state: found.state as FoldState,
        configChanged: found.configHash !== configHash
      }
    }
    const storedUntilMs = await newestBarStartMs(database)
    const fresh: Partial<CheckpointDocument> = {
      logEpoch: found.epoch,
      clusterId,
      nextOffset: 0,
      flushingTo: 0,
      flushingWatermarkMs: null,
      storedUntilMs: storedUntilMs === -Infinity ? null : storedUntilMs,
      state: { watermark: null, connections: [] },
      configHash
    }
    await database.checkpoints.updateOne({ _id: log, epoch: found.epoch }, { $set: fresh })
    return {
      log,
      epoch: found.epoch,
      logEpoch: found.epoch,
      nextOffset: 0,
      flushingTo: 0,
      flushingWatermarkMs: -Infinity,
      storedUntilMs,
      unscoredFrom: Infinity,
      state: undefined,
      configChanged: false
    }
  })
}

/** The last owners of a topic's partitions. */
export async function partitionOwners(
  { checkpoints }: HasCheckpoints,
  topic: string
): Promise<PartitionOwner[]> {
  const found = await translated('Cannot read the checkpoints', () =>
    checkpoints.find({}).project<{ _id: string; owner: PartitionOwner }>({ owner: 1 }).toArray()
  )
  return found.filter(({ _id }) => _id.startsWith(`${topic}/`)).map(({ owner }) => owner)
}

/**
 * Announces, before the first document of a flush is written, that documents will hold records below
 * `flushingTo` and which watermark makes their bars final. So an owner that repeats the flush makes the same
 * bars final at any time.
 * @throws PARTITION_FENCED when another consumer owns the partition
 */
export async function announceFlush(
  database: HasCheckpoints,
  { log, epoch }: Owner,
  {
    flushingTo,
    storedUntilMs,
    watermarkMs
  }: {
    readonly flushingTo: number
    readonly storedUntilMs: number
    readonly watermarkMs: number
  }
): Promise<void> {
  // Never lower: a previous owner may have written further before it was killed.
  await update(database, log, epoch, {
    $max: {
      flushingTo,
      ...(storedUntilMs > -Infinity && { storedUntilMs }),
      ...(watermarkMs > -Infinity && { flushingWatermarkMs: watermarkMs })
    }
  })
}

/**
 * Ends a flush: every record below `nextOffset` is in the documents.
 * @param done fields of CheckpointDocument
 * @throws PARTITION_FENCED when another consumer owns the partition
 */
export async function commitCheckpoint(
  database: HasCheckpoints,
  { log, epoch }: Owner,
  done: {
    readonly nextOffset: number
    readonly state: FoldState
    readonly configHash: string
    readonly unscoredFrom?: number | null
  }
): Promise<void> {
  await update(database, log, epoch, {
    $set: { unscoredFrom: null, ...done, updatedAt: new Date() }
  })
}

async function update(
  { checkpoints }: HasCheckpoints,
  log: string,
  epoch: number,
  change: UpdateFilter<CheckpointDocument>
): Promise<void> {
  await translated(`Cannot write the checkpoint of ${log}`, async () => {
    const { matchedCount } = await checkpoints.updateOne({ _id: log, epoch }, change)
    if (matchedCount === 1) return
    throw new TapedeckError(
      'PARTITION_FENCED',
      `Cannot write the checkpoint of ${log}: epoch ${epoch} has ended, another consumer owns it`
    )
  })
}

export async function loadCheckpoints({
  checkpoints
}: HasCheckpoints): Promise<CheckpointDocument[]> {
  return translated('Cannot read the checkpoints', () => checkpoints.find().toArray())
}

/** The hash of the settings that results depend on, by which a checkpoint made under others is noticed. */
export function rulesHash({ fold, forecasts }: Rules): string {
  const rules = JSON.stringify([fold, forecasts, CONDITION_TABLE_VERSION])
  return createHash('sha256').update(rules).digest('hex').slice(0, 16)
}
