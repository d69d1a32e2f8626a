/** Parts of the response schemas. */

export const text = { type: 'string' } as const
export const number = { type: 'number' } as const
export const whole = { type: 'integer' } as const
export const flag = { type: 'boolean' } as const
export const flagOrNull = { type: 'boolean', nullable: true } as const
export const textOrNull = { type: 'string', nullable: true } as const
export const numberOrNull = { type: 'number', nullable: true } as const
export const wholeOrNull = { type: 'integer', nullable: true } as const
export const texts = { type: 'array', items: text } as const

export type Schema = Readonly<Record<string, unknown>>

export function object(properties: Readonly<Record<string, Schema>>): Schema {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties),
    additionalProperties: false
  }
}

export function rows(row: Readonly<Record<string, Schema>>): Schema {
  return { type: 'array', items: object(row) }
}

export function list(name: string, row: Readonly<Record<string, Schema>>): Schema {
  return object({ [name]: rows(row) })
}
