import { hostname } from 'node:os'
import { isSame } from '@tapedeck/core'
import type { ConditionPolicy, FoldState } from '@tapedeck/domain'
import { rulesHash, loadCheckpoints, type CheckpointDocument, type Database } from '@tapedeck/mongo'
import type { ToolConfig } from './command-config.ts'

/** A partition as its checkpoint describes it. */
export interface LogState {
  readonly log: string
  readonly epoch: number
  readonly nextOffset: number
  /** The watermark, epoch ms, with the time since the checkpoint where the clock moves it on. */
  readonly watermarkMs: number
  /** Its owner runs, or wrote a checkpoint not long ago. */
  readonly isRead: boolean
  /** The rules by which its last checkpoint was written, if this environment's but for the policy. */
  readonly policy: ConditionPolicy | undefined
}

const RECENT_MS = 60_000
const POLICIES: readonly ConditionPolicy[] = ['feed', 'sip', 'all']

/** Every partition's state, by log. */
export async function logStates(
  database: Database,
  config: ToolConfig,
  nowMs: number
): Promise<Map<string, LogState>> {
  const states = new Map<string, LogState>()
  for (const checkpoint of await loadCheckpoints(database)) {
    const { _id: log, epoch, nextOffset, configHash: hash } = checkpoint
    const policy = POLICIES.find((one) => rulesHash(underPolicy(config, one)) === hash)
    const watermarkMs = watermarkOf(checkpoint, config.fold.allowedDelayMs, nowMs)
    const isRead = await isReadNow(checkpoint, nowMs)
    states.set(log, { log, epoch, nextOffset, watermarkMs, isRead, policy })
  }
  return states
}

export function underPolicy(config: ToolConfig, policy: ConditionPolicy): ToolConfig {
  return { ...config, fold: { ...config.fold, policy } }
}

/**
 * An idle partition writes no checkpoints while the clock moves its watermark on; one that reads writes
 * them all the time. So what has gone by since the last one counts, unless the feed is down.
 */
function watermarkOf(
  { state, updatedAt }: CheckpointDocument,
  allowedDelayMs: number,
  nowMs: number
): number {
  const { watermark } = state as FoldState
  if (watermark === null) return -Infinity
  const storedMs = watermark.watermarkMs ?? watermark.maxEventMs - allowedDelayMs
  const isFrozen = (watermark.frozenAtMs ?? null) !== null
  return isFrozen ? storedMs : storedMs + Math.max(0, nowMs - updatedAt.getTime())
}

async function isReadNow(
  { owner, updatedAt }: CheckpointDocument,
  nowMs: number
): Promise<boolean> {
  if (nowMs - updatedAt.getTime() < RECENT_MS) return true
  return owner.host === hostname() && (await isSame(owner))
}

/** Bars stay in the consumer's memory for 30 s of event time past their end; twice that is safe. */
const SETTLED_MS = 60_000

/**
 * Whether the consumer has let go of a bar that settles at this moment, so that a change to the stored
 * one is what it will see. A log without a checkpoint, or that nobody reads, is in nobody's memory.
 */
export function isLetGo(state: LogState | undefined, settlesMs: number): boolean {
  return state === undefined || !state.isRead || settlesMs <= state.watermarkMs - SETTLED_MS
}

/** Whether no trade can come into a bar any more: later ones are too late. */
export function isBeyondLateness(
  state: LogState | undefined,
  settlesMs: number,
  latenessLimitMs: number
): boolean {
  return state === undefined || settlesMs <= state.watermarkMs - latenessLimitMs
}
