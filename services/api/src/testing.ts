export { buildApi } from './build-api.ts'
export { LoadCache } from './load-cache.ts'
export { BARS_SCHEMA } from './market-schemas.ts'
export { readQuery, type Query } from './query.ts'
