import path from 'node:path'
import {
  about,
  choice,
  duration,
  optional,
  readEnv,
  secret,
  Secret,
  text,
  url,
  webAddress,
  whole,
  type Env,
  type Values
} from '@tapedeck/core'
import { FREE_PLAN_SYMBOLS, planLimit, symbolsVariable } from '@tapedeck/domain'
import type { FeedTimes } from '@tapedeck/feed'
import type { RestOptions } from '@tapedeck/finnhub'
import { KAFKA_VARIABLES, kafkaConfig, type KafkaConfig } from '@tapedeck/kafka'
import { MONGO_VARIABLES, mongoConfig, type MongoConfig } from '@tapedeck/mongo'
import { SERVICE_VARIABLES } from '@tapedeck/service'
import type { CaptureConfig } from './capture.ts'
import type { SpoolConfig } from './outbox/spool.ts'

const FINNHUB = 'wss://ws.finnhub.io'
const GIBIBYTE = 1024 ** 3
const MEBIBYTE = 1024 ** 2
/** Compressed size at which a capture continues in a new file. */
const CAPTURE_FILE_BYTES = 64 * MEBIBYTE

export const PRODUCER_VARIABLES = {
  ...KAFKA_VARIABLES,
  ...MONGO_VARIABLES,
  MONGODB_URI: optional(MONGO_VARIABLES.MONGODB_URI),
  HEALTH_HOST: SERVICE_VARIABLES.HEALTH_HOST,
  FINNHUB_TOKEN: about('Your Finnhub key', optional(secret()), 'trades are simulated'),
  FINNHUB_MAX_SYMBOLS: about(
    'How many symbols your plan allows',
    whole(FREE_PLAN_SYMBOLS, 1, 10_000)
  ),
  FINNHUB_URL: about(
    "Another server that speaks Finnhub's protocol",
    optional(url(undefined, ['ws:', 'wss:'])),
    "Finnhub's, with a key"
  ),
  FINNHUB_REST_URL: about(
    'Where the producer checks at start that the symbols exist',
    optional(webAddress(undefined, 'path')),
    "Finnhub's, with a key"
  ),
  FEED: about('Vendor: finnhub or alpaca', choice('finnhub', ['finnhub', 'alpaca'])),
  ALPACA_KEY_ID: about('Your Alpaca key', optional(secret())),
  ALPACA_SECRET_KEY: about('The secret of that key', optional(secret())),
  ALPACA_URL: about(
    "Alpaca's stream",
    url('wss://stream.data.alpaca.markets/v2/iex', ['ws:', 'wss:'])
  ),
  SIMULATOR_URL: about(
    'The simulator, used without a key',
    optional(url(undefined, ['ws:', 'wss:'])),
    '`npm start` runs one'
  ),
  FEED_NAME: about(
    'Origin that every record names',
    optional(text(undefined, 'a name such as finnhub or simulated')),
    'the vendor, or simulated'
  ),
  PRODUCER_PORT: about(
    "Port of the producer's health and metrics; 0 picks a free one",
    whole(0, 0, 65_535)
  ),
  TAPEDECK_DATA_DIR: about(
    'Folder of everything a stack writes; two stacks need two',
    text('./.data', 'a folder')
  ),
  FRAME_COPIES: about(
    'What becomes of a frame that the feed sends again as a whole: `keep` (marked) or `drop`',
    choice('keep', ['keep', 'drop'])
  ),
  SPOOL_DIR: about(
    'Folder where trades wait while the broker is away',
    optional(text(undefined, 'a folder')),
    'spool in TAPEDECK_DATA_DIR'
  ),
  SPOOL_AFTER: about('How long trades wait in memory before they are spooled', duration(1000, 10)),
  SPOOL_MAX_BYTES: about(
    'Largest size of the spool in bytes',
    whole(GIBIBYTE, MEBIBYTE, Number.MAX_SAFE_INTEGER)
  ),
  SPOOL_FSYNC: about(
    'When the spool is synced to disk: `interval` (200 ms) or `always`',
    choice('interval', ['interval', 'always'])
  ),
  CAPTURE_DIR: about(
    'Folder for raw frames, which the simulator can play',
    optional(text(undefined, 'a folder')),
    'none are kept'
  ),
  CAPTURE_ROTATE: about('How long one capture file lasts', duration(3_600_000, 1000))
} as const

/** The vendor to follow, with its credentials. */
type Vendor = (
  | { readonly kind: 'finnhub'; readonly token: Secret }
  | { readonly kind: 'alpaca'; readonly key: Secret; readonly secret: Secret }
) & {
  readonly url: string
  /** The name of the key that only one connection may use. */
  readonly credential: Secret
  /** The variable to correct when it is refused. */
  readonly credentialName: string
}

export interface ProducerConfig {
  readonly kafka: KafkaConfig
  /** For lease, status and symbols at run time; undefined: none of them. */
  readonly mongo: MongoConfig | undefined
  readonly vendor: Vendor
  /** The origin that every record names. */
  readonly feedName: string
  readonly maxSymbols: number
  /** Finnhub's REST interface, to check symbols; undefined without a key. */
  readonly rest: RestOptions | undefined
  /** Overrides of the usual waits. */
  readonly feedTimes?: Partial<FeedTimes>
  readonly leaseTtlMs?: number
  readonly symbols: readonly string[]
  readonly healthHost: string
  readonly healthPort: number
  /** What becomes of a frame that repeats an earlier one as a whole. */
  readonly frameCopies: 'keep' | 'drop'
  /** Each topic has its own folder, so that records never reach another topic. */
  readonly spool: SpoolConfig
  /** How long a record may be in memory only, ms. */
  readonly spoolAfterMs: number
  /** Undefined: raw frames are not kept. */
  readonly capture: CaptureConfig | undefined
}

/**
 * The address of the feed: FINNHUB_URL if set, with FINNHUB_TOKEN the real endpoint, otherwise SIMULATOR_URL.
 * @throws CONFIG_INVALID with every mistake
 */
export function readConfig(env: Env): ProducerConfig {
  const values = readEnv(
    env,
    { ...PRODUCER_VARIABLES, SYMBOLS: symbolsVariable(planLimit(env['FINNHUB_MAX_SYMBOLS'])) },
    vendorProblems
  )
  const { FINNHUB_TOKEN, MONGODB_URI, FEED } = values
  const isLive = FEED === 'alpaca' || FINNHUB_TOKEN !== undefined
  // The public list of symbols is that of the real feed; a simulator has its own, if any.
  const isReal = FEED === 'finnhub' && isLive && values.FINNHUB_URL === undefined
  const restUrl = values.FINNHUB_REST_URL
  return Object.freeze({
    kafka: kafkaConfig(values),
    mongo: MONGODB_URI === undefined ? undefined : mongoConfig({ ...values, MONGODB_URI }),
    vendor: FEED === 'alpaca' ? alpaca(values) : finnhub(values),
    maxSymbols: values.FINNHUB_MAX_SYMBOLS,
    rest:
      FINNHUB_TOKEN !== undefined && (isReal || restUrl !== undefined)
        ? { token: FINNHUB_TOKEN, ...(restUrl !== undefined && { url: restUrl }) }
        : undefined,
    feedName: values.FEED_NAME ?? (isLive ? FEED : 'simulated'),
    symbols: values.SYMBOLS,
    healthHost: values.HEALTH_HOST,
    healthPort: values.PRODUCER_PORT,
    frameCopies: values.FRAME_COPIES,
    spool: {
      dir: path.join(
        values.SPOOL_DIR ?? path.join(values.TAPEDECK_DATA_DIR, 'spool'),
        values.KAFKA_TOPIC
      ),
      maxBytes: values.SPOOL_MAX_BYTES,
      fsync: values.SPOOL_FSYNC
    },
    spoolAfterMs: values.SPOOL_AFTER,
    capture:
      values.CAPTURE_DIR === undefined
        ? undefined
        : {
            dir: values.CAPTURE_DIR,
            rotateMs: values.CAPTURE_ROTATE,
            maxFileBytes: CAPTURE_FILE_BYTES
          }
  })
}

type VendorValues = Pick<
  Values<typeof PRODUCER_VARIABLES>,
  | 'ALPACA_KEY_ID'
  | 'ALPACA_SECRET_KEY'
  | 'ALPACA_URL'
  | 'FINNHUB_TOKEN'
  | 'FINNHUB_URL'
  | 'SIMULATOR_URL'
>

/** Both keys are required once FEED is alpaca; else a token or an address. */
function vendorProblems(
  values: Partial<VendorValues> & { readonly FEED?: string }
): readonly string[] {
  const isSet = (name: keyof VendorValues): boolean => values[name] !== undefined
  if (values.FEED === 'alpaca') {
    return (['ALPACA_KEY_ID', 'ALPACA_SECRET_KEY'] as const)
      .filter((name) => !isSet(name))
      .map((name) => `${name} is not set, expected a secret`)
  }
  const isKnown = (['FINNHUB_TOKEN', 'FINNHUB_URL', 'SIMULATOR_URL'] as const).some(isSet)
  return values.FEED === undefined || isKnown
    ? []
    : ['FINNHUB_TOKEN is not set, expected a token, or FINNHUB_URL, or SIMULATOR_URL']
}

function alpaca({ ALPACA_KEY_ID, ALPACA_SECRET_KEY, ALPACA_URL }: VendorValues): Vendor {
  const key = ALPACA_KEY_ID ?? new Secret('')
  return {
    kind: 'alpaca',
    url: ALPACA_URL,
    key,
    secret: ALPACA_SECRET_KEY ?? new Secret(''),
    credential: key,
    credentialName: 'ALPACA_KEY_ID and ALPACA_SECRET_KEY'
  }
}

function finnhub({ FINNHUB_TOKEN, FINNHUB_URL, SIMULATOR_URL }: VendorValues): Vendor {
  const address = FINNHUB_URL ?? (FINNHUB_TOKEN === undefined ? SIMULATOR_URL : FINNHUB)
  const token = FINNHUB_TOKEN ?? new Secret('simulated')
  return {
    kind: 'finnhub',
    url: address ?? FINNHUB,
    token,
    credential: token,
    credentialName: 'FINNHUB_TOKEN'
  }
}
