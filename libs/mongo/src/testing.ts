import { BSON, type Document } from 'mongodb'

export { BSON }
export { orEmpty, orNull, nullable, readable, shapeOf } from './shape.ts'
export { DocumentBytes } from './document-bytes.ts'
export { JsonLines, jsonOf } from './json-lines.ts'
export { JsonText } from './json-text.ts'
export { findSequences, inCommands } from './document-sequence.ts'
export { storedActivityBarOf, storedBarOf } from './bar-document.ts'

/** A document as it comes back from the server: through BSON, as the driver reads it. */
export function throughBson<T extends Document>(document: T): T {
  return BSON.deserialize(BSON.serialize(document)) as T
}
