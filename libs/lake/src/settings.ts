import path from 'node:path'
import {
  about,
  optional,
  secret,
  text,
  webAddress,
  type Values,
  type Variable
} from '@tapedeck/core'
import { Lake } from './lake.ts'
import type { S3Location } from './s3-bucket.ts'
import { S3Storage } from './s3-storage.ts'

/** Where a lake is. */
export interface LakeLocation {
  /** The lake, or with `s3` its drafts and the copies of files that are read. */
  readonly dir: string
  /** Undefined for a lake in a folder. */
  readonly s3?: Readonly<S3Location> | undefined
}

const FORM = 's3://bucket or s3://bucket/prefix'

/** The environment variables that say where the lake is. */
export const LAKE_LOCATION_VARIABLES = {
  LAKE_DIR: about(
    'Folder of the lake; with LAKE_S3_URL of its drafts and copies',
    optional(text(undefined, 'a folder')),
    '`lake` in TAPEDECK_DATA_DIR'
  ),
  LAKE_S3_URL: about(
    'The lake in an object store, as s3://bucket/prefix',
    optional(s3Url()),
    'none: the lake is in LAKE_DIR'
  ),
  LAKE_S3_ENDPOINT: about(
    'Address of a store that speaks S3, such as http://127.0.0.1:9000',
    optional(webAddress(undefined, 'origin')),
    'that of Amazon S3 in AWS_REGION'
  ),
  AWS_REGION: about('Region of the bucket of LAKE_S3_URL', text('us-east-1', 'a region')),
  AWS_ACCESS_KEY_ID: about('Key for LAKE_S3_URL', optional(secret())),
  AWS_SECRET_ACCESS_KEY: about('Secret of that key', optional(secret())),
  AWS_SESSION_TOKEN: about('Token of temporary keys', optional(secret()))
} as const

/** With a TAPEDECK_DATA_DIR, whose folder `lake` is the default. */
type LocationValues = Values<typeof LAKE_LOCATION_VARIABLES> & {
  readonly TAPEDECK_DATA_DIR: string
}

/** `s3://bucket/prefix` without a slash at its end. */
function s3Url(): Variable<string> {
  const of = text(undefined, `${FORM}, the bucket of 3 to 63 small letters, digits, - and .`)
  return {
    ...of,
    parse: (found) =>
      /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[^/?#%\p{Cc}]+)*\/?$/u.test(found) &&
      !/\/\.{1,2}(\/|$)/.test(found)
        ? found.replace(/\/$/, '')
        : undefined
  }
}

/** The mistakes that lie between the variables. */
export function lakeProblems(values: Partial<LocationValues>): readonly string[] {
  const { LAKE_S3_URL, LAKE_S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = values
  if (LAKE_S3_URL === undefined) {
    return LAKE_S3_ENDPOINT === undefined
      ? []
      : [`LAKE_S3_ENDPOINT is set and LAKE_S3_URL is not, expected ${FORM}`]
  }
  return Object.entries({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }).flatMap(([name, value]) =>
    value === undefined ? [`${name} is not set, expected a key for LAKE_S3_URL`] : []
  )
}

/** Where the lake is; pure. The values have none of `lakeProblems`. */
export function lakeLocation(values: LocationValues): LakeLocation {
  const dir = path.resolve(values.LAKE_DIR ?? path.join(values.TAPEDECK_DATA_DIR, 'lake'))
  const { LAKE_S3_URL, AWS_REGION: region, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = values
  if (
    LAKE_S3_URL === undefined ||
    AWS_ACCESS_KEY_ID === undefined ||
    AWS_SECRET_ACCESS_KEY === undefined
  ) {
    return { dir }
  }
  const [bucket = '', ...prefix] = LAKE_S3_URL.slice('s3://'.length).split('/')
  const s3 = {
    bucket,
    prefix: prefix.join('/'),
    endpoint: values.LAKE_S3_ENDPOINT ?? `https://s3.${region}.amazonaws.com`,
    region,
    keyId: AWS_ACCESS_KEY_ID.reveal(),
    secretKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: values.AWS_SESSION_TOKEN
  }
  return { dir, s3 }
}

/** The lake of a location. Nothing is read yet. */
export function openLake({ dir, s3 }: LakeLocation): Lake {
  return new Lake(dir, s3 === undefined ? undefined : new S3Storage(s3, dir))
}
