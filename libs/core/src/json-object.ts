/** An object of JSON, of which nothing is known but that it is one. */
export type Json = Readonly<Record<string, unknown>>

/** Whether a value of JSON is an object: no list, and not null. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
