export {
  MARIADB_VARIABLES,
  mariadbUrlFile,
  parseMariadbUrl,
  readMariadbConfig,
  shownAddress,
  type MariadbConfig
} from './config.ts'
export { Mariadb, pingMariadb } from './connect.ts'
