export { finnhubProtocol } from './finnhub-protocol.ts'
export { parseFrame } from './parse-frame.ts'
export { finnhubRest, type RestOptions } from './rest-client.ts'
export { checkSymbols, symbolHints } from './symbol-check.ts'
