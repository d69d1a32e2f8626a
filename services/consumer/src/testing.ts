export { barRecordsOf } from './published.ts'
