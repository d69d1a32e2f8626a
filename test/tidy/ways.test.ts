import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { importedFiles, root, sources } from './sources.ts'

/** The ways of a trade that docs/ARCHITECTURE.md lists, and how many files each may visit. */
const WAYS = [
  { heading: 'Frame to Kafka record', most: 8 },
  { heading: 'Record to trade document', most: 10 },
  { heading: 'Record to bar document', most: 14 }
] as const

const architecture = readFileSync(path.join(root, 'docs/ARCHITECTURE.md'), 'utf8')
const importsOf = new Map(
  sources.map(({ file, imports }) => [file, importedFiles(file, imports)] as const)
)

/** The files of the numbered list under a heading, in order. */
function filesUnder(heading: string): string[] {
  const [, section = ''] = architecture.split(`\n### ${heading}\n`)
  const [own = ''] = section.split(/\n##/)
  return [...own.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, file = '']) => file)
}

/** Whether a file imports another directly, or by the entry of its package. */
function isImportedBy(file: string, importer: string): boolean {
  const imported = importsOf.get(importer) ?? []
  const entry = `${file.split('/').slice(0, 2).join('/')}/src/index.ts`
  return imported.includes(file) || (importer !== entry && imported.includes(entry))
}

describe('docs/ARCHITECTURE.md', () => {
  for (const { heading, most } of WAYS) {
    it(`lists the files of the way '${heading}' as they import one another`, () => {
      const files = filesUnder(heading)
      assert.ok(files.length > 1, `there is no numbered list under '### ${heading}'`)
      assert.ok(files.length <= most, `${files.length} files, expected at most ${most}`)
      for (const [place, file] of files.entries()) {
        assert.ok(existsSync(path.join(root, file)), `${file} is not there`)
        assert.ok(
          place === 0 || files.slice(0, place).some((earlier) => isImportedBy(file, earlier)),
          `${file} is imported by none of the files before it`
        )
      }
    })
  }
})
