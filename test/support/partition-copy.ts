import { cp, rm } from 'node:fs/promises'
import path from 'node:path'
import { eventually } from './eventually.ts'
import { signalTo, type OwnBroker } from './own-broker.ts'

/**
 * A copy of a partition's folder that can take the folder's place, as when a disk is restored from a copy. The
 * broker stands still while its files are copied; to put the copy in place it is killed, and its supervisor starts
 * it again.
 */
export interface PartitionCopy {
  /** Resolves when the broker answers again, under another process. */
  restore(): Promise<void>
}

/** @param partition its number; an `empty` copy removes the folder */
export async function copyPartition(
  broker: OwnBroker,
  partition: number,
  kind: 'whole' | 'empty' = 'whole'
): Promise<PartitionCopy> {
  const { kafka, server, logDir, dataDir } = broker
  const folder = path.join(logDir, `${kafka.topic}-${partition}`)
  const copy = path.join(dataDir, `copy-${partition}`)
  signalTo(server, 'SIGSTOP')
  if (kind === 'whole') await cp(folder, copy, { recursive: true })
  signalTo(server, 'SIGCONT')
  return {
    async restore() {
      const before = signalTo(server, 'SIGSTOP')
      await rm(folder, { recursive: true })
      if (kind === 'whole') await cp(copy, folder, { recursive: true })
      signalTo(server, 'SIGKILL')
      await eventually(
        () => {
          if (server.current().pid === before) throw new Error('the broker was not started again')
        },
        { timeoutMs: 90_000 }
      )
    }
  }
}
