import type { Flow } from './flow.ts'
import { watchlistCsv } from './flows/watchlist-csv.ts'

/** Every flow that can be run by name. A new one is added here. */
export const FLOWS: ReadonlyMap<string, Flow> = new Map(
  [watchlistCsv()].map((flow) => [flow.name, flow])
)
