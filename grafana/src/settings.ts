import { join } from 'node:path'
import { MIN_REFRESH } from './pins.ts'
import type { ServeConfig } from './serve-config.ts'

/** The variables of this process that Grafana inherits: no password, and no token but its own. */
const PASSED_ON = [
  'PATH',
  'HOME',
  'LANG',
  'TZ',
  'TMPDIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR'
]

/**
 * Grafana's settings as environment variables: it listens on this machine only, everybody may see the
 * dashboards, nobody may change them, there is no sign-in, and nothing is reported to Grafana Labs. Other
 * GF_ variables of the user apply.
 * @param projectDir the folder grafana/ of this project
 * @param provisioning the folder of what Grafana finds at its start
 */
export function grafanaEnv(
  { port, apiUrl, apiToken, dataDir, pluginsDir }: ServeConfig,
  { projectDir, provisioning }: { readonly projectDir: string; readonly provisioning: string },
  env: NodeJS.ProcessEnv
): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => PASSED_ON.includes(name) || name.startsWith('GF_')
  )
  const dashboards = join(projectDir, 'dashboards')
  return {
    ...Object.fromEntries(kept),
    TAPEDECK_API_URL: apiUrl,
    TAPEDECK_API_TOKEN: apiToken?.reveal() ?? '',
    TAPEDECK_DASHBOARDS_PATH: dashboards,
    GF_SERVER_HTTP_ADDR: '127.0.0.1',
    GF_SERVER_HTTP_PORT: String(port),
    GF_PATHS_DATA: dataDir,
    GF_PATHS_LOGS: join(dataDir, 'log'),
    GF_PATHS_PLUGINS: pluginsDir,
    GF_PATHS_PROVISIONING: provisioning,
    GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: join(dashboards, 'tapedeck', 'market.json'),
    GF_DASHBOARDS_MIN_REFRESH_INTERVAL: MIN_REFRESH,
    GF_AUTH_ANONYMOUS_ENABLED: 'true',
    GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
    GF_AUTH_DISABLE_LOGIN_FORM: 'true',
    GF_AUTH_BASIC_ENABLED: 'false',
    GF_ANALYTICS_REPORTING_ENABLED: 'false',
    GF_ANALYTICS_CHECK_FOR_UPDATES: 'false',
    GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: 'false',
    GF_PLUGINS_PREINSTALL_DISABLED: 'true',
    GF_NEWS_NEWS_FEED_ENABLED: 'false',
    GF_LOG_MODE: 'file',
    // The plugin logs every query at info.
    GF_LOG_LEVEL: 'warn'
  }
}
