import {
  about,
  optional,
  readEnv,
  secret,
  text,
  webAddress,
  whole,
  type Env,
  type Secret
} from '@tapedeck/core'
import { resolve } from 'node:path'
import { ALERT_VARIABLES } from './contact-point.ts'

/** How Grafana asks the api. */
export const TAPEDECK_API_VARIABLES = {
  TAPEDECK_API_URL: about(
    'Address of the api, without a path',
    webAddress('http://127.0.0.1:8080', 'origin')
  ),
  TAPEDECK_API_TOKEN: about(
    'Token of the api with scope read, for Grafana, where reading needs one',
    optional(secret())
  )
} as const

export const SERVE_VARIABLES = {
  GRAFANA_PORT: about('Port of Grafana', whole(3000, 1, 65_535)),
  ...TAPEDECK_API_VARIABLES,
  ...ALERT_VARIABLES
} as const

export interface ServeConfig {
  readonly home: string
  readonly port: number
  readonly apiUrl: string
  readonly apiToken: Secret | undefined
  /** Where alerts are posted. */
  readonly alertWebhook: Secret | undefined
  /** Grafana's database, logs and plugins. */
  readonly dataDir: string
  readonly pluginsDir: string
}

/**
 * The configuration of `npm run grafana -- --home DIR`.
 * @param folders flags are relative to the user's working folder, the data folder to the project
 * @throws CONFIG_INVALID with every mistake
 */
export function readServeConfig(
  env: Env,
  { home, plugins }: { readonly home: string | undefined; readonly plugins: string | undefined },
  folders: { readonly user: string; readonly project: string }
): ServeConfig {
  const values = readEnv(
    { ...env, '--home': home },
    {
      '--home': {
        ...text(undefined, "Grafana's home folder, as in npm run grafana -- --home DIR")
      },
      ...SERVE_VARIABLES,
      TAPEDECK_DATA_DIR: text('./.data', 'a folder')
    }
  )
  const dataDir = resolve(folders.project, values.TAPEDECK_DATA_DIR, 'grafana')
  return Object.freeze({
    home: resolve(folders.user, values['--home']),
    port: values.GRAFANA_PORT,
    apiUrl: values.TAPEDECK_API_URL,
    apiToken: values.TAPEDECK_API_TOKEN,
    alertWebhook: values.GRAFANA_ALERT_WEBHOOK,
    dataDir,
    pluginsDir: plugins === undefined ? resolve(dataDir, 'plugins') : resolve(folders.user, plugins)
  })
}
