import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { ERROR_CODES } from '@tapedeck/core'
import { BAR_FIELDS, PUBLISHED_BAR } from '@tapedeck/domain'
import {
  configurationDocument,
  envExample,
  SECTIONS,
  VARIABLES
} from '../programs/settings/documents.ts'

const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')

const sources = globSync(['libs/*/src/**/*.ts', 'services/*/src/**/*.ts', 'grafana/src/**/*.ts'], {
  cwd: root
}).map((file) => ({ file, text: read(file) }))
const manifest = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
const documents = ['README.md', ...globSync('docs/**/*.md', { cwd: root })]

/** Read from the surroundings, not ours to set. */
const FOREIGN = [
  'HOME',
  'PATH',
  'XDG_CACHE_HOME',
  'MONGOMS_SYSTEM_BINARY',
  'INIT_CWD',
  'LOCALAPPDATA'
]

describe('environment variables', () => {
  it('every variable has one place in docs/configuration.md and one line that describes it', () => {
    const placed = SECTIONS.flatMap(({ names }) => names)
    assert.deepEqual(placed.toSorted(), Object.keys(VARIABLES).toSorted())
    assert.deepEqual(
      Object.entries(VARIABLES).filter(
        ([, { about }]) => about === undefined || about.length > 110
      ),
      []
    )
  })

  it('docs/configuration.md and .env.example are what npm run settings writes', () => {
    const words = (text: string): string => text.replaceAll(/[\s-]+/g, ' ')
    assert.equal(words(read('docs/configuration.md')), words(configurationDocument()))
    assert.equal(read('.env.example'), envExample())
  })

  it('no reader reads a variable that the documents do not have', () => {
    const found = sources.flatMap(({ text }) => [
      ...text.matchAll(/\benv\['([A-Z][A-Z0-9_]+)'\]/g),
      ...text.matchAll(
        /^\s+([A-Z][A-Z0-9]*_[A-Z0-9_]+): (?:about|optional|text|whole|decimal|choice|duration|flag|secret|url|[a-z]+Variable)\(/gm
      )
    ])
    const unknown = found
      .map(([, name = '']) => name)
      .filter((name) => !(name in VARIABLES) && !FOREIGN.includes(name))
    assert.deepEqual(unknown, [])
  })
})

describe('commands', () => {
  it('every npm command in the documents exists', () => {
    const missing = documents.flatMap((file) =>
      [...read(file).matchAll(/npm (?:run )?(start|test|(?<=run )[a-z][a-z:-]*)/g)]
        .map(([, name = '']) => name)
        .filter((name) => !(name in manifest.scripts))
        .map((name) => `${file}: npm run ${name}`)
    )
    assert.deepEqual(missing, [])
  })

  it('every script is in the table for contributors, or in a document for users', () => {
    const named = documents.map(read).join()
    const unnamed = Object.keys(manifest.scripts).filter(
      (name) => !new RegExp(`npm (run )?${name}(?![a-z:-])`).test(named)
    )
    assert.deepEqual(unnamed, [])
  })

  it('every script points to a file that is there', () => {
    const missing = Object.values(manifest.scripts)
      .flatMap((script) => [...script.matchAll(/\S+\.ts\b/g)].map(([file]) => file))
      .filter((file) => !existsSync(path.join(root, file)))
    assert.deepEqual(missing, [])
  })
})

describe('links', () => {
  for (const file of documents) {
    it(`${file} links to files that are there`, () => {
      const broken = [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !existsSync(path.resolve(root, path.dirname(file), target)))
      assert.deepEqual(broken, [])
    })

    it(`${file} names files that are there`, () => {
      const broken = [
        ...read(file).matchAll(
          /\b((?:docs|libs|services|test|grafana)\/[\w./-]+\.(?:ts|md|json|png|yaml))\b/g
        )
      ]
        .map(([, target = '']) => target)
        .filter((target) => !existsSync(path.join(root, target)))
      assert.deepEqual(broken, [])
    })
  }
})

describe('README.md', () => {
  it('has lines of fewer than 120 characters, tables and samples included', () => {
    const long = read('README.md')
      .split('\n')
      .flatMap((line, index) =>
        line.length < 120 ? [] : [`${index + 1}: ${line.length} characters`]
      )
    assert.deepEqual(long, [])
  })
})

describe('docs/bars.md', () => {
  it('describes each field of a bar as BAR_FIELDS does', () => {
    const rows = Object.entries(BAR_FIELDS).map(([name, { origin, row, kind, about }]) => {
      const places = [
        origin !== 'derived' && 'MongoDB',
        row === undefined ? 'api' : `api (\`${row}\`)`,
        name in PUBLISHED_BAR && 'topic'
      ]
      return `| \`${name}\` | ${kind} | ${places.filter(Boolean).join(', ')} | ${about} |`
    })
    const words = (text: string): string => text.replaceAll(/ +/g, ' ')
    const found = words(read('docs/bars.md')).match(/(?<=^## Fields[^#]*)^\| `.*$/gm)
    assert.deepEqual(found, rows)
  })
})

describe('docs/operations.md', () => {
  const operations = read('docs/operations.md')

  it('has every metric that is exposed, and no other', () => {
    const exposed = new Set(
      sources.flatMap(({ text }) =>
        [...text.matchAll(/\.(?:counter|gauge|histogram)(?:<[^>]*>)?\(\s*'([a-z_]+)'/g)].map(
          ([, name = '']) => name
        )
      )
    )
    const rows = operations.slice(operations.indexOf('## Metrics'), operations.indexOf('## Errors'))
    const described = new Set(
      [...rows.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = '']) =>
        [...cell.matchAll(/`([a-z_]+)/g)].map(([, name = '']) => name)
      )
    )
    assert.deepEqual([...described].toSorted(), [...exposed].toSorted())
  })

  it('has every error code', () => {
    const missing = Object.keys(ERROR_CODES).filter((code) => !operations.includes(`\`${code}\``))
    assert.deepEqual(missing, [])
  })
})

describe('docs/ARCHITECTURE.md', () => {
  it('states the size of the sources within five per cent', () => {
    const stated = (measure: string): number => {
      const row = new RegExp(`\\| ${measure} +\\| about (\\d+)`).exec(read('docs/ARCHITECTURE.md'))
      return Number(row?.[1])
    }
    const lines = sources.reduce((sum, { text }) => sum + text.split('\n').length - 1, 0)
    const isNear = (value: number, actual: number): boolean =>
      Math.abs(value - actual) <= 0.05 * actual
    assert.ok(isNear(stated('source files'), sources.length), `${sources.length} source files`)
    assert.ok(isNear(stated('lines in them'), lines), `${lines} lines`)
  })
})
