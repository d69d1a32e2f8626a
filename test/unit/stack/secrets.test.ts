import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { API_VARIABLES } from '@tapedeck/api/testing'
import { BATCH_VARIABLES } from '@tapedeck/batch/testing'
import { CONSUMER_VARIABLES } from '@tapedeck/consumer/testing'
import type { Shape } from '@tapedeck/core'
import { PRODUCER_VARIABLES } from '@tapedeck/producer/testing'
import { SIMULATOR_VARIABLES } from '@tapedeck/simulator/testing'
import { withoutSecretsOfOthers } from '@tapedeck/stack/testing'
import { VARIABLES } from '../../programs/settings/documents.ts'

describe('withoutSecretsOfOthers()', () => {
  it('leaves a secret to the services that read it, and to nothing else', () => {
    const readers: Record<string, Shape> = {
      producer: PRODUCER_VARIABLES,
      consumer: CONSUMER_VARIABLES,
      api: API_VARIABLES,
      simulator: SIMULATOR_VARIABLES,
      batch: BATCH_VARIABLES
    }
    const secrets = Object.entries(VARIABLES).filter(([, { secret }]) => secret)
    const all = Object.fromEntries(secrets.map(([name]) => [name, `value of ${name}`]))
    for (const [service, variables] of Object.entries({ ...readers, kafka: {}, mongod: {} })) {
      assert.deepEqual(
        Object.keys(withoutSecretsOfOthers({ ...all, PATH: '/bin' }, service)).toSorted(),
        ['PATH', ...Object.keys(all).filter((name) => name in variables)].toSorted(),
        service
      )
    }
  })
})
