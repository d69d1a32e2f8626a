import { alpacaProtocol } from '@tapedeck/alpaca'
import type { FeedProtocol } from '@tapedeck/domain'
import { finnhubProtocol } from '@tapedeck/finnhub'
import type { ProducerConfig } from './config.ts'

/** The protocol of the configured vendor. A further vendor is one more case here and a lib of its own. */
export function protocolOf({ vendor }: Pick<ProducerConfig, 'vendor'>): FeedProtocol {
  return vendor.kind === 'alpaca' ? alpacaProtocol(vendor) : finnhubProtocol(vendor)
}
