import type { TestContext } from 'node:test'
import { readConfig, startSimulator } from '@tapedeck/simulator/testing'
import { inService } from '../../support/in-service.ts'

/** A simulator, and what a program reads to ask it as it would ask Finnhub. */
export async function simulatedRest(
  t: TestContext
): Promise<{ readonly FINNHUB_REST_URL: string; readonly FINNHUB_TOKEN: string }> {
  const FINNHUB_TOKEN = 'sesame'
  const { result } = await inService(t, (context) =>
    startSimulator(readConfig({ SIMULATOR_TOKEN: FINNHUB_TOKEN }), context)
  )
  return { FINNHUB_REST_URL: `${result.url.replace('ws:', 'http:')}/api/v1`, FINNHUB_TOKEN }
}
