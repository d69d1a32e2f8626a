import { hasCode, type ErrorCode } from '@tapedeck/core'
import assert from 'node:assert/strict'

/** For assert.throws() and assert.rejects(): the error has this code, and its message each of the parts. */
export function saysAll(code: ErrorCode, parts: readonly string[]): (error: Error) => true {
  return (error) => {
    assert.ok(hasCode(error, code), String(error))
    for (const part of parts) assert.ok(error.message.includes(part), `${part}: ${error.message}`)
    return true
  }
}
