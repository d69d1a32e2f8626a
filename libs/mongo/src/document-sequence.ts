import { createRequire } from 'node:module'
import { messageOf } from '@tapedeck/core'
import type { Document } from 'mongodb'
import { DocumentBytes } from './document-bytes.ts'

/** Documents that follow a command as bytes, as the driver's own insertMany sends them. */
interface DocumentSequence {
  /** What the driver's monitoring shows. */
  documents: readonly Document[]
  push(document: Document | undefined, bytes: Uint8Array): number
}

type NewSequence = new (field: string) => DocumentSequence

/** The class is internal to the driver: another version may treat it differently. */
const TESTED_DRIVER = /^7\.9\./
/** Throughput does not rise with more documents in one command. */
const MOST_DOCUMENTS = 2000
/** Bytes of documents in one command, about; MongoDB allows a message 48 MB and a document 16 MB. */
const MOST_BYTES = 8 * 1024 * 1024
/** Writers that are kept for the next command, and the largest buffer that one keeps. */
const MOST_FREE = 4
const MOST_KEPT_BYTES = 4 * 1024 * 1024

const require = createRequire(import.meta.url)

/**
 * The driver's class of document sequences. A command with one of them goes the way of every other command:
 * connections, authentication, TLS and write concern are the driver's.
 *
 * @returns the class, or in words why the driver has none that is known to work
 */
export function findSequences(load: (file: string) => unknown = require): NewSequence | string {
  try {
    const { version } = load('mongodb/package.json') as { version: string }
    if (!TESTED_DRIVER.test(version)) return `found version ${version} of the driver, expected 7.9`
    const { DocumentSequence } = load('mongodb/lib/cmap/commands.js') as Record<string, unknown>
    return typeof DocumentSequence === 'function'
      ? (DocumentSequence as NewSequence)
      : 'the driver has no DocumentSequence'
  } catch (error) {
    return messageOf(error)
  }
}

const installed = findSequences()

/** Why documents go through the driver's serialiser, which takes longer; undefined when they go as bytes. */
export const whyNotAsBytes = typeof installed === 'string' ? installed : undefined

const free: DocumentBytes[] = []

/**
 * Splits documents into fields of commands that are small enough, and sends one after the other.
 *
 * @param send gets the field's value, which the driver alone can read, and the index of its first document
 * @param sequences the driver's class; with a text instead, documents go through its serialiser
 */
export async function inCommands(
  field: string,
  documents: readonly Document[],
  send: (value: unknown, from: number) => Promise<void>,
  sequences: NewSequence | string = installed
): Promise<void> {
  const bytes = free.pop() ?? new DocumentBytes()
  try {
    for (let from = 0; from < documents.length;) {
      bytes.clear()
      let end = from
      const most = Math.min(from + MOST_DOCUMENTS, documents.length)
      while (end < most && bytes.length < MOST_BYTES) bytes.write(documents[end++] ?? {})
      const part = documents.slice(from, end)
      await send(
        typeof sequences === 'string' ? part : sequenceOf(sequences, field, part, bytes),
        from
      )
      from = end
    }
  } finally {
    // The command is answered or given up: the driver has copied the bytes.
    if (free.length < MOST_FREE && bytes.capacity <= MOST_KEPT_BYTES) free.push(bytes)
  }
}

function sequenceOf(
  sequences: NewSequence,
  field: string,
  documents: readonly Document[],
  bytes: DocumentBytes
): DocumentSequence {
  const sequence = new sequences(field)
  sequence.push(undefined, bytes.written())
  sequence.documents = documents
  return sequence
}
