import type { ForecastSpec } from '@tapedeck/domain'
import { ChangeDetector, type DetectorState } from '@tapedeck/domain/testing'
import type { ForecastDocument } from '@tapedeck/mongo'

/** Where a model's change detector stands after its entries. */
export interface DetectorEnd {
  readonly version: number
  readonly detector: DetectorState
}

/** The close an entry was first resolved by; null when it was given up first, or is open. */
export function firstOutcome({ corrections, actual }: ForecastDocument): number | null {
  const [first] = corrections
  return first === undefined ? actual : first.was
}

/** Rewritten so often that the first outcome is not kept. */
export function isFirstOutcomeLost({ scoreRevision, corrections }: ForecastDocument): boolean {
  return scoreRevision > corrections.length
}

/**
 * Walks a model's entries as a run without a crash would have: the detector takes each outcome once, as
 * it first was, in order. One that was taken twice or not at all shows in where it stands.
 *
 * @param entries of one series and model, ascending by target
 * @returns undefined when a first outcome is not kept
 */
export function walkDetector(
  entries: readonly ForecastDocument[],
  spec: ForecastSpec
): DetectorEnd | undefined {
  const detector = new ChangeDetector(spec)
  let version = 1
  for (const entry of entries) {
    if (isFirstOutcomeLost(entry)) return undefined
    const actual = firstOutcome(entry)
    if (actual === null || entry.scale === null || entry.modelVersion !== version) continue
    const change = detector.add(Math.abs(actual - entry.forecast) / entry.scale)
    if (change !== undefined) version++
  }
  return { version, detector: detector.state() }
}
