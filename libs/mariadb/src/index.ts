export { columnType, type ColumnType } from './column-type.ts'
export {
  MARIADB_VARIABLES,
  mariadbUrlFile,
  parseMariadbUrl,
  readMariadbConfig,
  shownAddress,
  type MariadbConfig
} from './config.ts'
export { Mariadb, pingMariadb } from './connect.ts'
export { inSnapshot, type Snapshot } from './snapshot.ts'
