export { alpacaProtocol, type AlpacaOptions } from './alpaca-protocol.ts'
export { ALPACA_CONDITION_TABLE_VERSION, conditionCode } from './conditions.ts'
export { parseFrame, parseTime } from './parse-frame.ts'
