import { withTimeout } from '@tapedeck/core'
import { createClient } from './client.ts'
import type { KafkaConfig } from './config.ts'

const LIMIT_MS = 3500

/**
 * Removes a group that served one read alone. Never rejects: nothing depends on it, and a group that
 * cannot be removed expires by itself.
 */
export async function forgetGroup(config: KafkaConfig, groupId: string): Promise<void> {
  const admin = createClient(config, 'tapedeck-forget', undefined, 0).admin()
  const forget = async (): Promise<void> => {
    await admin.connect()
    await admin.deleteGroups([groupId])
  }
  try {
    await withTimeout(forget(), LIMIT_MS, 'Forgetting the group')
  } catch {
    // See above.
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}
