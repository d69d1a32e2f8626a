/** The entry for tests and test programs. */
export { startServers, type Servers } from './app.ts'
export { cachesCompiled } from './cache-dir.ts'
export { readConfig, SERVER_SETTINGS, STACK_VARIABLES, type StackConfig } from './config.ts'
export { checkRoom, watchDisk } from './disk.ts'
export { checkAvx, checkGlibc, checkKernel, checkNode, renderDiagnosis } from './doctor.ts'
export { fetchInto, sha512In, type Fetch } from './fetch.ts'
export { firstFound, notThere, searchOf, type Search, type Step } from './find.ts'
export { findGrafanaHome, startGrafana, type StackGrafana } from './grafana.ts'
export { watchHealth } from './health-watch.ts'
export { javaSteps } from './java.ts'
export { fetchKafkaRelease, kafkaSteps } from './kafka.ts'
export { followLog, limitedWarn, problemIn, searchLog } from './logs.ts'
export { mariadbSteps } from './mariadb.ts'
export { fetchByMaven } from './maven.ts'
export { mongodSteps } from './mongod.ts'
export { isFree, openPortMemory } from './ports.ts'
export {
  createProgress,
  renderScreen,
  silentProgress,
  withDatabase,
  type Progress,
  type Screen
} from './screen.ts'
export { withoutSecretsOfOthers } from './secrets.ts'
export { StartLimit } from './start-limit.ts'
export {
  nodeArguments,
  planServices,
  scrapeTargets,
  startServices,
  type ServicePlan
} from './services.ts'
export { misspelled, OTHER_NAMES, readSettings } from './settings.ts'
export { DISK, Troubles } from './troubles.ts'
export { supervise, type Running } from './supervise.ts'
