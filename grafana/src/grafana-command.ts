import { commandLine, type Env } from '@tapedeck/core'
import { PUSH_VARIABLES, readPushConfig, type PushConfig } from './push/push-config.ts'
import { readServeConfig, SERVE_VARIABLES, type ServeConfig } from './serve-config.ts'

/** Every variable that `npm run grafana` reads. */
export const GRAFANA_VARIABLES = { ...SERVE_VARIABLES, ...PUSH_VARIABLES } as const

/** The command line of `npm run grafana`; `readGrafanaConfig` adds the environment. */
export const grafanaCommand = commandLine({
  name: 'grafana',
  purpose:
    'Shows the dashboards in a Grafana of your own: starts it, or gives them to one that runs.',
  forms: ['-- --home DIR [--plugins DIR]', '-- --push [--dry-run]'],
  options: {
    home: [
      'text',
      'DIR',
      "Grafana's home: the folder with bin/grafana (or bin/grafana-server) and public/, " +
        'such as /usr/share/grafana or an unpacked release'
    ],
    plugins: [
      'text',
      'DIR',
      "where Grafana's plugins are or go (default: a folder of its own below the data folder)"
    ],
    push: [
      'flag',
      'gives the Grafana of GRAFANA_URL data source, folder, dashboards and alert rules by its HTTP API'
    ],
    'dry-run': ['flag', 'with --push: says what it would do, and changes nothing']
  },
  settings: {
    GRAFANA_PORT: '--home: port on 127.0.0.1 (3000)',
    GRAFANA_URL: '--push: address of the Grafana, as a browser shows it',
    GRAFANA_TOKEN: '--push: a token of a service account there, role Admin',
    TAPEDECK_API_URL:
      'address of the api as Grafana reaches it, without a path (http://127.0.0.1:8080)',
    TAPEDECK_API_TOKEN: 'a token of the api, where reading needs one',
    GRAFANA_ALERT_WEBHOOK:
      'where Grafana posts its alerts; a contact point of your own unless given',
    TAPEDECK_DATA_DIR: '--home: its database, logs and plugins go to grafana/ below it (./.data)'
  },
  exits: [
    'asked to stop, or pushed',
    'Grafana failed',
    'wrong arguments or settings, or no Grafana there'
  ],
  example: '-- --home /usr/share/grafana',
  read(given) {
    const flags = {
      home: given.text('home'),
      plugins: given.text('plugins'),
      isPush: given.flag('push'),
      isDryRun: given.flag('dry-run')
    }
    const { home, plugins, isPush, isDryRun } = flags
    if (isPush && (home ?? plugins) !== undefined) {
      given.mistake('--push found with --home or --plugins, expected one of the two ways')
    }
    if (isDryRun && !isPush) given.mistake('--dry-run found without --push, expected both')
    return flags
  }
})

type GrafanaConfig =
  | { readonly way: 'serve'; readonly config: ServeConfig }
  | { readonly way: 'push'; readonly config: PushConfig }

/**
 * The configuration of what the command line asks for, or 'help' for --help.
 * @param folders flags are relative to the user's working folder, the data folder to the project
 * @throws CONFIG_INVALID with every mistake
 */
export function readGrafanaConfig(
  env: Env,
  args: readonly string[],
  folders: { readonly user: string; readonly project: string }
): GrafanaConfig | 'help' {
  const flags = grafanaCommand.read(args)
  if (flags === 'help') return 'help'
  return flags.isPush
    ? { way: 'push', config: readPushConfig(env, flags.isDryRun) }
    : { way: 'serve', config: readServeConfig(env, flags, folders) }
}
