import {
  about,
  commandLine,
  optional,
  Problems,
  readEnv,
  secret,
  text,
  url,
  whole,
  type Env,
  type Secret
} from '@tapedeck/core'
import { resolve } from 'node:path'

/** The command line of `npm run grafana`; `readServeConfig` adds the environment. */
export const serveCommand = commandLine({
  name: 'grafana',
  purpose: 'Shows the dashboards in a Grafana of your own.',
  forms: ['-- --home DIR [--plugins DIR]'],
  options: {
    home: [
      'text',
      'DIR',
      "Grafana's home: the folder with bin/grafana (or bin/grafana-server) and public/,\n" +
        'such as /usr/share/grafana or an unpacked release'
    ],
    plugins: [
      'text',
      'DIR',
      "where Grafana's plugins are or go (default: a folder of its own below the data folder)"
    ]
  },
  settings: {
    GRAFANA_PORT: 'port on 127.0.0.1 (3000)',
    TAPEDECK_API_URL: 'address of the api, without a path (http://127.0.0.1:8080)',
    TAPEDECK_API_TOKEN: 'a token of the api, where reading needs one',
    TAPEDECK_DATA_DIR: 'its database, logs and plugins go to grafana/ below it (./.data)'
  },
  exits: ['asked to stop', 'Grafana failed', 'wrong arguments, or no Grafana there'],
  example: '-- --home /usr/share/grafana',
  read: (given) => ({ home: given.text('home'), plugins: given.text('plugins') })
})

export const GRAFANA_VARIABLES = {
  GRAFANA_PORT: about('Port of Grafana', whole(3000, 1, 65_535)),
  TAPEDECK_API_URL: about('Address of the api, without a path', apiUrl()),
  TAPEDECK_API_TOKEN: about(
    'Token of the api with scope read, for Grafana, where reading needs one',
    optional(secret())
  )
} as const

export interface ServeConfig {
  readonly home: string
  readonly port: number
  readonly apiUrl: string
  readonly apiToken: Secret | undefined
  /** Grafana's database, logs and plugins. */
  readonly dataDir: string
  readonly pluginsDir: string
}

/**
 * The configuration, or 'help' for --help.
 * @param folders flags are relative to the user's working folder, the data folder to the project
 * @throws CONFIG_INVALID with every mistake
 */
export function readServeConfig(
  env: Env,
  args: readonly string[],
  folders: { readonly user: string; readonly project: string }
): ServeConfig | 'help' {
  const flags = serveCommand.read(args)
  if (flags === 'help') return 'help'
  const { home, plugins } = flags
  const values = readEnv(
    { ...env, '--home': home },
    {
      '--home': {
        ...text(undefined, "Grafana's home folder, as in npm run grafana -- --home DIR")
      },
      ...GRAFANA_VARIABLES,
      TAPEDECK_DATA_DIR: text('./.data', 'a folder')
    }
  )
  const dataDir = resolve(folders.project, values.TAPEDECK_DATA_DIR, 'grafana')
  return Object.freeze({
    home: resolve(folders.user, values['--home']),
    port: values.GRAFANA_PORT,
    apiUrl: values.TAPEDECK_API_URL,
    apiToken: values.TAPEDECK_API_TOKEN,
    dataDir,
    pluginsDir: plugins === undefined ? resolve(dataDir, 'plugins') : resolve(folders.user, plugins)
  })
}

/** The data source compares addresses as text, so the address has no path and no slash at the end. */
function apiUrl(): ReturnType<typeof url> {
  const http = url('http://127.0.0.1:8080', ['http:', 'https:'])
  return {
    ...http,
    parse(found) {
      const parsed = http.parse(found)
      if (parsed === undefined) return undefined
      const { origin, pathname, search, username, password } = new URL(parsed)
      const problems = [
        ...(pathname !== '/' || search !== '' ? [`'${found}' has a path, expected none`] : []),
        ...(username !== '' || password !== ''
          ? ['it contains a user or password, expected none']
          : [])
      ]
      if (problems.length > 0) throw new Problems(problems)
      return origin
    }
  }
}
