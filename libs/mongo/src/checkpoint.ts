import { createHash } from 'node:crypto'
import { isObject, TapedeckError, type LocatedProcess } from '@tapedeck/core'
import { CONDITION_TABLE_VERSION, type FoldState, type Rules } from '@tapedeck/domain'
import type { UpdateFilter } from 'mongodb'
import { newestBarStartMs, type HasBars } from './bars.ts'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { reading, translated } from './failure.ts'
import type { Owner, Ownership } from './guard.ts'
import { optional, problemOf, shapeOf, shown, type ValueKind } from './shape.ts'
import { refuseNewer, STATE_VERSION, type Versioned } from './state-version.ts'

/** The process that reads a partition, and its name in the consumer group. */
export interface PartitionOwner extends LocatedProcess {
  readonly memberId: string
}

/** The state of one partition; `_id` is `<topic>/<partition>`. */
export interface CheckpointDocument extends Versioned {
  readonly _id: string
  /** Rises with each owner; a writer of an earlier epoch must stop. */
  readonly epoch: number
  /** The first epoch that read the present log; the offsets of documents of earlier epochs are of another log. */
  readonly logEpoch: number
  readonly clusterId: string
  /** The topic's id; null when the broker has none. Absent in checkpoints of earlier versions. */
  readonly topicId?: string | null
  /** By how many partitions the records of the log are placed. Absent in checkpoints of earlier versions. */
  readonly placement?: number
  /** Set when another log took the place of the one before, until a gap says so in feed_gaps. */
  readonly lost?: LostRecords | null
  readonly owner: PartitionOwner
  /** Every record below it is in trades, bars and forecasts. */
  readonly nextOffset: number
  /** Documents may hold records below it: the flush was announced and perhaps not finished. */
  readonly flushingTo: number
  /** The watermark of that flush, epoch ms; the clock may have moved it beyond its records. */
  readonly flushingWatermarkMs?: number | null
  /** When the newest feed gap below `flushingTo` was published, epoch ms; null or absent when that is not known. */
  readonly flushingGapsMs?: number | null
  /** The last record below `flushingTo`; null when none was read. Absent in checkpoints of earlier versions. */
  readonly lastRecord?: KnownRecord | null
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

/** A record by which its log is recognised. */
export interface KnownRecord {
  readonly offset: number
  /** Of its key and value; see recordHash in libs/kafka. */
  readonly hash: string
}

/** What is not known to have been read of a log that was replaced. */
export interface LostRecords {
  /** Names the gap that it becomes. */
  readonly id: string
  /** When the last record that was read of the former log was received, epoch ms. */
  readonly fromMs: number
  readonly cause: string
}

export const CHECKPOINTS = new CollectionSpec<CheckpointDocument>('checkpoints', {
  writeConcern: DURABLE
})

export type HasCheckpoints = Has<'checkpoints', CheckpointDocument>

/** A partition as its new owner finds it. */
export interface Acquired extends Ownership {
  /** Records below it may be in documents although their flush was not finished. */
  readonly flushingTo: number
  /** The watermark of that flush; -Infinity when none was announced. */
  readonly flushingWatermarkMs: number
  /** When the newest feed gap below `flushingTo` was published, epoch ms; undefined when that is not known. */
  readonly flushingGapsMs: number | undefined
  /** No stored bar of this log begins later; -Infinity when no bar is stored. */
  readonly storedUntilMs: number
  /** Forecast series that last changed at this offset or later may have outdated scores; Infinity: none has. */
  readonly unscoredFrom: number
  readonly state: FoldState | undefined
  /** The last record below `flushingTo`; undefined when it is not known. */
  readonly lastRecord: KnownRecord | undefined
  /** Records of a former log that were perhaps not read, of which no gap tells yet. */
  readonly lost: LostRecords | null
  readonly topicId: string | undefined
  /** By how many partitions the records of the log are placed. */
  readonly placement: number
  /** The checkpoint was made under other settings (timeframes, policy, lateness). */
  readonly configChanged: boolean
}

interface AcquireOptions {
  readonly log: string
  readonly owner: PartitionOwner
  readonly clusterId: string
  readonly configHash: string
  /** By how many partitions the topic's records are placed now. */
  readonly placement: number
  /**
   * Reads the topic's id; undefined when the broker has none. It is called when earlier owners can no
   * longer write, so that what they found cannot be newer.
   */
  topicId(): Promise<string | undefined>
  /** Offset after the last record of the log when it was last read; the log may have grown since. */
  readonly endOffset: number
  /** Reads it again. A checkpoint or a flush beyond it belongs to an older log, or the log lost its end. */
  lookAtEnd(): Promise<number>
  /** The hash of the record at an offset; undefined when it is not known. Another one is of another log. */
  hashAt(offset: number): Promise<string | undefined>
}

/**
 * Makes the caller the owner of a partition by raising its epoch, so that an earlier owner's writes fail from
 * now on. A new log under an old name (docs/adr/0026-a-log-is-known-by-its-topic-id.md) is read from its start.
 * @throws STATE_TOO_NEW when a later program wrote the checkpoint, STATE_CORRUPT when it cannot be read; the epoch stays
 * then
 */
export async function acquirePartition(
  database: HasCheckpoints & HasBars,
  options: AcquireOptions
): Promise<Acquired> {
  const { log, owner, clusterId, configHash, placement } = options
  return translated(`Cannot acquire ${log}`, async () => {
    // A refused consumer must not raise the epoch: the later one would lose its partition.
    const before = await database.checkpoints.findOne({ _id: log })
    refuseNewer(`checkpoint ${log}`, before)
    refuseDamaged(before)
    const stateVersion = STATE_VERSION
    const found = await database.checkpoints.findOneAndUpdate(
      { _id: log },
      { $inc: { epoch: 1 }, $set: { stateVersion, owner, updatedAt: new Date() } },
      { upsert: true, returnDocument: 'after' }
    )
    if (found === null) throw new TapedeckError('STATE_CORRUPT', `Checkpoint ${log} vanished`)
    const { epoch } = found
    const topicId = await options.topicId()
    const isNew = found.clusterId === undefined
    const cause = isNew ? undefined : await whyOtherLog(found, options, topicId)
    if (!isNew && cause === undefined) {
      assertPlacement(found, placement)
      if (found.topicId !== topicId || found.placement !== placement) {
        const $set = { topicId: topicId ?? found.topicId ?? null, placement }
        await database.checkpoints.updateOne({ _id: log, epoch }, { $set })
      }
      return {
        log,
        epoch,
        logEpoch: found.logEpoch,
        nextOffset: found.nextOffset,
        flushingTo: found.flushingTo,
        flushingWatermarkMs: found.flushingWatermarkMs ?? -Infinity,
        flushingGapsMs: found.flushingGapsMs ?? undefined,
        storedUntilMs: found.storedUntilMs ?? -Infinity,
        // A flush that was cut off after its series changed scores from nextOffset on.
        unscoredFrom: Math.min(found.unscoredFrom ?? Infinity, found.nextOffset),
        state: found.state as FoldState,
        lastRecord: found.lastRecord ?? undefined,
        lost: found.lost ?? null,
        topicId,
        placement,
        configChanged: found.configHash !== configHash
      }
    }
    const storedUntilMs = await newestBarStartMs(database)
    const state = carriedState(found, placement)
    const lost = cause === undefined ? null : lostRecords(found, cause)
    const fresh: Partial<CheckpointDocument> = {
      logEpoch: epoch,
      clusterId,
      topicId: topicId ?? null,
      placement,
      lost,
      nextOffset: 0,
      flushingTo: 0,
      flushingWatermarkMs: null,
      flushingGapsMs: null,
      lastRecord: null,
      storedUntilMs: storedUntilMs === -Infinity ? null : storedUntilMs,
      state,
      configHash
    }
    await database.checkpoints.updateOne({ _id: log, epoch }, { $set: fresh })
    return {
      log,
      epoch,
      logEpoch: epoch,
      nextOffset: 0,
      flushingTo: 0,
      flushingWatermarkMs: -Infinity,
      flushingGapsMs: undefined,
      storedUntilMs,
      unscoredFrom: Infinity,
      state,
      lastRecord: undefined,
      lost,
      topicId,
      placement,
      configChanged: false
    }
  })
}

const offset: ValueKind = (value) =>
  Number.isSafeInteger(value) && Number(value) >= 0
    ? undefined
    : `is ${shown(value)}, expected an offset`

const foldState: ValueKind = (value) => {
  const { watermark, connections } = (isObject(value) ? value : {}) as Partial<FoldState>
  return (watermark === null || isObject(watermark)) && Array.isArray(connections)
    ? undefined
    : `is ${shown(value)}, expected a watermark and connections`
}

/** The fields on which an owner continues. */
const CHECKPOINT_SHAPE = shapeOf({
  epoch: offset,
  logEpoch: offset,
  clusterId: 'text',
  placement: optional('whole'),
  nextOffset: offset,
  flushingTo: offset,
  flushingWatermarkMs: optional('number'),
  flushingGapsMs: optional('number'),
  lastRecord: optional('object'),
  storedUntilMs: optional('number'),
  unscoredFrom: optional('number'),
  state: foldState,
  configHash: 'text'
})

/** A guess at what a hand has changed would lose or repeat trades. @throws STATE_CORRUPT */
function refuseDamaged(found: CheckpointDocument | null): void {
  // One without a cluster was begun by an owner that ended before it knew its log.
  if (found?.clusterId === undefined) return
  const problem = problemOf(found, CHECKPOINT_SHAPE, () => undefined)
  if (problem === undefined) return
  throw new TapedeckError(
    'STATE_CORRUPT',
    `Cannot continue checkpoint ${found._id}: ${problem}; put it right or remove the document, and its records are read again`
  )
}

/** Said of a log that is shorter than it was, or has other records where it had known ones. */
const LOST_ITS_END = 'the topic lost records at its end'

/** Why the log is not the one that the checkpoint speaks of; undefined when it is. */
async function whyOtherLog(
  found: CheckpointDocument,
  { clusterId, endOffset, lookAtEnd, hashAt }: AcquireOptions,
  topicId: string | undefined
): Promise<string | undefined> {
  if (found.clusterId !== clusterId) return 'the topic is of another Kafka cluster'
  const known = found.topicId ?? undefined
  if (known !== undefined && topicId !== undefined && known !== topicId) {
    return 'the topic was deleted and created again'
  }
  // The previous owner may have read on since the end was read; from the raised epoch on it cannot.
  const reached = Math.max(found.nextOffset, found.flushingTo)
  if (reached > endOffset && reached > (await lookAtEnd())) return LOST_ITS_END
  const last = found.lastRecord ?? undefined
  const hash = last === undefined ? undefined : await hashAt(last.offset)
  return hash === undefined || hash === last?.hash ? undefined : LOST_ITS_END
}

/**
 * The state with which another log is begun. Connections are kept, because a record may be in both logs: the
 * producer repeats a send of which the answer was lost. With another placement a symbol may come from another
 * partition, whose frames say nothing here.
 */
function carriedState(found: CheckpointDocument, placement: number): FoldState {
  const former = found.state as FoldState | undefined
  if (former === undefined) return { watermark: null, connections: [] }
  const connections = found.placement === placement ? former.connections : []
  return { ...former, watermark: null, connections }
}

/** @throws CONFIG_INVALID when records of the same log were read by another placement */
function assertPlacement({ _id, placement: known }: CheckpointDocument, placement: number): void {
  if (known === undefined || known === placement) return
  throw new TapedeckError(
    'CONFIG_INVALID',
    `Cannot read ${_id}: its topic places its records on ${placement} partitions, expected ${known} as when ` +
      'it was read before (see "More partitions" in docs/operations.md)'
  )
}

/** Null when no record of the former log was read: nobody listened to it. */
function lostRecords(found: CheckpointDocument, cause: string): LostRecords | null {
  if (found.lost !== undefined && found.lost !== null) return found.lost
  const fromMs = (found.state as FoldState | undefined)?.receivedAtMs ?? null
  return fromMs === null ? null : { id: `replaced-${found._id}-${found.epoch}`, fromMs, cause }
}

/**
 * Names the owner of a partition again, which the group gave to the same consumer; false when another one owned
 * it in between.
 */
export async function keepPartition(
  { checkpoints }: HasCheckpoints,
  { log, epoch }: Owner,
  owner: PartitionOwner
): Promise<boolean> {
  return translated(`Cannot keep ${log}`, async () => {
    const { matchedCount } = await checkpoints.updateOne({ _id: log, epoch }, { $set: { owner } })
    return matchedCount === 1
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
 * `flushingTo`, which watermark makes their bars final, and which feed gaps are known. So an owner that repeats the
 * flush makes the same bars final at any time.
 * @throws PARTITION_FENCED when another consumer owns the partition
 */
export async function announceFlush(
  database: HasCheckpoints,
  { log, epoch }: Owner,
  {
    flushingTo,
    storedUntilMs,
    watermarkMs,
    gapsMs = -Infinity,
    lastRecord
  }: {
    readonly flushingTo: number
    /** The last record below it; undefined: it is not known better than before. */
    readonly lastRecord?: KnownRecord | undefined
    readonly storedUntilMs: number
    readonly watermarkMs: number
    /** When the newest feed gap below it was published, epoch ms; -Infinity: none was read. */
    readonly gapsMs?: number
  }
): Promise<void> {
  // Never lower: a previous owner may have written further before it was killed.
  await update(database, log, epoch, {
    $max: {
      flushingTo,
      ...(storedUntilMs > -Infinity && { storedUntilMs }),
      ...(watermarkMs > -Infinity && { flushingWatermarkMs: watermarkMs }),
      ...(gapsMs > -Infinity && { flushingGapsMs: gapsMs })
    },
    ...(lastRecord !== undefined && { $set: { lastRecord } })
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
    readonly lost?: LostRecords | null
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

/** Below which offset every record of each partition of a topic is stored. */
export function findStoredOffsets(
  { checkpoints }: HasCheckpoints,
  topic: string,
  timeoutMs: number
): Promise<Map<number, number>> {
  return reading('checkpoints', timeoutMs, async () => {
    const found = await checkpoints
      .find({}, { projection: { nextOffset: 1 }, timeoutMS: timeoutMs })
      .toArray()
    return new Map(
      found.flatMap(({ _id, nextOffset }): [number, number][] => {
        const slash = _id.lastIndexOf('/')
        return _id.slice(0, slash) === topic ? [[Number(_id.slice(slash + 1)), nextOffset]] : []
      })
    )
  })
}

/** The hash of the settings that results depend on, by which a checkpoint made under others is noticed. */
export function rulesHash({ fold, forecasts }: Rules): string {
  const rules = JSON.stringify([fold, forecasts, CONDITION_TABLE_VERSION])
  return createHash('sha256').update(rules).digest('hex').slice(0, 16)
}

/**
 * When the newest record was received whose results are all stored, of any partition, by the clock of its producer,
 * epoch ms; undefined before the first.
 */
export function storedUntil(
  { checkpoints }: HasCheckpoints,
  timeoutMs: number
): Promise<number | undefined> {
  return reading('checkpoints', timeoutMs, async () => {
    const [newest] = await checkpoints
      .aggregate<{ ms: unknown }>(
        [{ $group: { _id: null, ms: { $max: '$state.receivedAtMs' } } }],
        {
          timeoutMS: timeoutMs
        }
      )
      .toArray()
    return typeof newest?.ms === 'number' ? newest.ms : undefined
  })
}
