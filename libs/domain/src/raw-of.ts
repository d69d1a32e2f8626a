/** A refused value as JSON, for whoever looks into it; never throws. */
export function rawOf(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    // The parser takes any depth, the writer does not.
    return '"nested too deep to show"'
  }
}
