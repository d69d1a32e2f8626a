export { askJson, type JsonAnswer } from './ask-json.ts'
export { BoundedQueue } from './bounded-queue.ts'
export { repeat, systemClock, whileWaiting, withTimeout, type Clock } from './clock.ts'
export { commandLine, helpText } from './command-line.ts'
export { argumentReader, LimitedLines, runCommand, stopSignal, type Terminal } from './command.ts'
export { isLeftBehind, lockDataDir, lockOwner, signalGroup } from './data-lock.ts'
export {
  choice,
  about,
  configInvalid,
  configProblems,
  decimal,
  describeVariables,
  duration,
  durations,
  flag,
  optional,
  Problems,
  readEnv,
  secret,
  text,
  url,
  whole,
  type Env,
  type SettingsCheck,
  type Shape,
  type Values,
  type Variable
} from './env.ts'
export { assert, ERROR_CODES, hasCode, messageOf, TapedeckError, type ErrorCode } from './errors.ts'
export {
  exitOf,
  openGuard,
  type Child,
  type ChildExit,
  type ChildOptions,
  type Guard
} from './guard.ts'
export { isObject, type Json } from './json-object.ts'
export {
  hasEnded,
  isSame,
  isVisible,
  processIdentity,
  takeLock,
  thisProcess,
  type LocatedProcess,
  type ProcessIdentity
} from './lock-file.ts'
export { locateServer } from './locate-server.ts'
export { seededRandom } from './random.ts'
export { RateLimit } from './rate-limit.ts'
export { fullJitter, retry } from './retry.ts'
export { redactUrl, Secret, withoutSecrets } from './secret.ts'
export { didYouMean, editsBetween, nearestName, printable, sparkline, table } from './text.ts'
export { webAddress } from './web-address.ts'
