export { BARS_SCHEMA } from './market-schemas.ts'
