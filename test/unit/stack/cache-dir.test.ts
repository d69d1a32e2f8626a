import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, it } from 'node:test'
import { cachesCompiled } from '@tapedeck/stack/testing'

describe('cachesCompiled()', () => {
  it("names a folder in the user's cache, unless the environment names one", () => {
    const dir = path.resolve('/d')
    assert.deepEqual(cachesCompiled({ TAPEDECK_CACHE_DIR: dir }), {
      TAPEDECK_CACHE_DIR: dir,
      NODE_COMPILE_CACHE: path.join(dir, 'node-compile')
    })
    assert.deepEqual(cachesCompiled({ NODE_COMPILE_CACHE: '/own' }), { NODE_COMPILE_CACHE: '/own' })
  })
})
