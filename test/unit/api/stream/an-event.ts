import type { StreamEvent } from '@tapedeck/api/testing'

/** Trades of AAPL, or what a test says. */
export function anEvent(given: Partial<StreamEvent> = {}): StreamEvent {
  const rows = given.rows ?? ['{"price":1}']
  return {
    channel: 'trades',
    keys: ['trades|AAPL', 'trades|*'],
    rows,
    ids: rows.map((_, at) => `c-1-${at}`),
    span: [1000, 2000],
    id: undefined,
    partition: 0,
    offset: 0,
    lastTradeAt: null,
    receivedAt: 1000,
    ...given
  }
}

/** A version of a bar. */
export function aBarEvent(
  id: string,
  version: number,
  given: Partial<StreamEvent> = {}
): StreamEvent {
  return anEvent({
    channel: 'bars',
    keys: ['bars|AAPL|1m', 'bars|*|1m'],
    rows: [JSON.stringify({ id, version })],
    ids: [],
    id,
    receivedAt: null,
    ...given
  })
}
