import { createHash } from 'node:crypto'
import { TapedeckError } from '@tapedeck/core'
import type { UpdateFilter } from 'mongodb'
import { CONDITION_TABLE_VERSION, type FoldState, type Rules } from '@tapedeck/domain'
import type { Database } from './database.ts'
import type { CheckpointDocument, PartitionOwner } from './documents.ts'
import { translated } from './failure.ts'

/** A partition as its new owner finds it. */
export interface Acquired {
  /** `<topic>/<partition>`. */
  readonly log: string
  /** This owner's; every write carries it. */
  readonly epoch: number
  /** Documents of earlier epochs say nothing about the present log's offsets. */
  readonly logEpoch: number
  readonly nextOffset: number
  /** Records below may be in documents although a flush was not finished. */
  readonly flushingTo: number
  /** The watermark of that flush; -Infinity when none was announced. */
  readonly flushingWatermarkMs: number
  /** No stored bar of this log begins later; -Infinity when nothing is stored. */
  readonly storedUntilMs: number
  /** Scores of forecast series last changed at this offset or later may be older; Infinity: of none. */
  readonly unscoredFrom: number
  readonly state: FoldState | undefined
  /** The checkpoint was made by other rules (timeframes, policy, lateness). */
  readonly configChanged: boolean
}

export interface AcquireOptions {
  readonly log: string
  readonly owner: PartitionOwner
  readonly clusterId: string
  readonly configHash: string
  /** Offset after the last record of the log when it was last looked at; it may have grown since. */
  readonly endOffset: number
  /** Looks again. A checkpoint, or a flush, beyond the end is of an older log or of one that lost its end. */
  lookAtEnd(): Promise<number>
}

/**
 * Takes a partition over: raises its epoch, so that an earlier owner's writes fail from now on.
 * A log that was made anew (other cluster, or shorter than the checkpoint) is read from its start.
 */
export async function acquirePartition(
  database: Database,
  { log, owner, clusterId, configHash, endOffset, lookAtEnd }: AcquireOptions
): Promise<Acquired> {
  return translated(`Cannot acquire ${log}`, async () => {
    const found = await database.checkpoints.findOneAndUpdate(
      { _id: log },
      { $inc: { epoch: 1 }, $set: { owner, updatedAt: new Date() } },
      { upsert: true, returnDocument: 'after', writeConcern: { journal: true } }
    )
    if (found === null) throw new TapedeckError('STATE_CORRUPT', `Checkpoint ${log} vanished`)
    const isNew = found.clusterId === undefined
    // The owner before may have read on since the last look; from the raised epoch on it cannot.
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
        // What a flush changed that was cut off after its series, too.
        unscoredFrom: Math.min(found.unscoredFrom ?? Infinity, found.nextOffset),
        state: found.state as FoldState,
        configChanged: found.configHash !== configHash
      }
    }
    const storedUntilMs = await newestBarMs(database)
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

/** Start of the newest bar of any log: another log may have stored bars of the same symbols. */
async function newestBarMs({ bars }: Database): Promise<number> {
  const [newest] = await bars
    .aggregate<{ start: Date | null }>([{ $group: { _id: null, start: { $max: '$start' } } }])
    .toArray()
  return newest?.start?.getTime() ?? -Infinity
}

/** Who last read the partitions of a topic. */
export async function partitionOwners(
  { checkpoints }: Database,
  topic: string
): Promise<PartitionOwner[]> {
  const found = await translated('Cannot read the checkpoints', () =>
    checkpoints.find({}).project<{ _id: string; owner: PartitionOwner }>({ owner: 1 }).toArray()
  )
  return found.filter(({ _id }) => _id.startsWith(`${topic}/`)).map(({ owner }) => owner)
}

/**
 * Says that documents will hold records up to `flushingTo`, and which bars are final by then, before the
 * first is written: whoever repeats the flush makes the same bars final, whatever the clock says.
 * @throws PARTITION_FENCED when somebody else owns the partition now
 */
export async function announceFlush(
  database: Database,
  { log, epoch }: Pick<Acquired, 'log' | 'epoch'>,
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
  // Never lower: an owner before may have written further before it was killed.
  await update(database, log, epoch, {
    $max: {
      flushingTo,
      ...(storedUntilMs > -Infinity && { storedUntilMs }),
      ...(watermarkMs > -Infinity && { flushingWatermarkMs: watermarkMs })
    }
  })
}

/**
 * The flush is done: every record below `nextOffset` is in the documents. Journaled, so that it is
 * on disk with all that was written before it.
 * @param done what else the checkpoint says, as in CheckpointDocument
 * @throws PARTITION_FENCED when somebody else owns the partition now
 */
export async function commitCheckpoint(
  database: Database,
  { log, epoch }: Pick<Acquired, 'log' | 'epoch'>,
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
  { checkpoints }: Database,
  log: string,
  epoch: number,
  change: UpdateFilter<CheckpointDocument>
): Promise<void> {
  await translated(`Cannot write the checkpoint of ${log}`, async () => {
    const { matchedCount } = await checkpoints.updateOne({ _id: log, epoch }, change, {
      writeConcern: { journal: true }
    })
    if (matchedCount === 1) return
    throw new TapedeckError(
      'PARTITION_FENCED',
      `Cannot write the checkpoint of ${log}: epoch ${epoch} is gone, another consumer owns it`
    )
  })
}

/** Identifies the rules that shape results: a checkpoint made by other rules is noticed by its hash. */
export function rulesHash({ fold, forecasts }: Rules): string {
  const rules = JSON.stringify([fold, forecasts, CONDITION_TABLE_VERSION])
  return createHash('sha256').update(rules).digest('hex').slice(0, 16)
}
