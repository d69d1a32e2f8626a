export { fullJitterMs, type BackoffOptions } from './backoff.ts'
export { BoundedQueue } from './bounded-queue.ts'
export { systemClock, withTimeout, type Clock } from './clock.ts'
export {
  choice,
  about,
  decimal,
  duration,
  flag,
  optional,
  Problems,
  readEnv,
  secret,
  text,
  url,
  whole,
  type Env,
  type Shape,
  type Values,
  type Variable
} from './env.ts'
export {
  assert,
  ERROR_CODES,
  hasCode,
  messageOf,
  TapedeckError,
  type ErrorCode,
  type TapedeckErrorOptions
} from './errors.ts'
export { createLockFile, removeStaleLock } from './lock-file.ts'
export { editsBetween, nearestName } from './nearest-name.ts'
export { isAlive, isSame, processIdentity, type ProcessIdentity } from './process-identity.ts'
export { repeat } from './repeat.ts'
export { retried } from './retried.ts'
export { redactUrl, Secret, withoutSecrets } from './secret.ts'
export { whileWaiting } from './while-waiting.ts'
