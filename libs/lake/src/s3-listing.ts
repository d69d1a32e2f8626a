/** One page of what a bucket has beneath a prefix. */
export interface S3Listing {
  readonly objects: readonly S3Object[]
  /** With a slash at the end: what keys have in common up to the delimiter. */
  readonly prefixes: readonly string[]
  /** Asks for the next page; undefined on the last one. */
  readonly next: string | undefined
}

interface S3Object {
  readonly key: string
  /** When it was written, epoch ms. */
  readonly writtenMs: number
  /** Changes with the content. */
  readonly tag: string
}

/** Reads an answer of ListObjectsV2; pure. */
export function parseListing(xml: string): S3Listing {
  const isTruncated = textOf(xml, 'IsTruncated') === 'true'
  return {
    objects: elements(xml, 'Contents').map((one) => ({
      key: textOf(one, 'Key'),
      writtenMs: Date.parse(textOf(one, 'LastModified')),
      tag: textOf(one, 'ETag')
    })),
    prefixes: elements(xml, 'CommonPrefixes').map((one) => textOf(one, 'Prefix')),
    next: isTruncated ? textOf(xml, 'NextContinuationToken') : undefined
  }
}

function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, 'gs'))].map(
    ([, inner = '']) => inner
  )
}

/** The text of the first element of a name; empty without one. */
export function textOf(xml: string, name: string): string {
  return unescaped(elements(xml, name)[0] ?? '')
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'"
}

function unescaped(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(String(hex), 16))
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    return ENTITIES[String(name)] ?? whole
  })
}
