import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { ERROR_CODES } from '@tapedeck/core'

const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')

const sources = globSync(['libs/*/src/**/*.ts', 'services/*/src/**/*.ts', 'grafana/src/**/*.ts'], {
  cwd: root
}).map((file) => ({ file, text: read(file) }))
const manifest = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
const readme = read('README.md')
const documents = ['README.md', ...globSync('docs/**/*.md', { cwd: root })]

/** Every variable that a reader reads, by the reader functions of libs/core and by name. */
function variablesRead(): Set<string> {
  const readers =
    'optional|whole|decimal|text|choice|duration|flag|secret|url|symbolsVariable|timeframesVariable|brokersVariable|mongoUri|speedVariable|startVariable|apiUrl'
  const found = sources.flatMap(({ text }) => [
    ...text.matchAll(new RegExp(`\\b([A-Z][A-Z0-9_]{3,}):\\s*(?:${readers})\\(`, 'g')),
    ...text.matchAll(/env\['([A-Z][A-Z0-9_]+)'\]/g)
  ])
  return new Set(found.map(([, name = '']) => name))
}

/** Read from the surroundings, not ours to set. */
const FOREIGN = [
  'HOME',
  'PATH',
  'XDG_CACHE_HOME',
  'MONGOMS_SYSTEM_BINARY',
  'INIT_CWD',
  'LOCALAPPDATA'
]
/** Used by docker compose alone. */
const COMPOSE_ONLY = ['KAFKA_PORT', 'MONGODB_PORT']

const exampleNames = new Set(
  [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name = '']) => name)
)

describe('environment variables', () => {
  it('.env.example has every variable that is read, and no other', () => {
    const expected = [...variablesRead(), ...COMPOSE_ONLY].filter((name) => !FOREIGN.includes(name))
    assert.deepEqual([...exampleNames].toSorted(), [...new Set(expected)].toSorted())
  })

  it('the README table has every variable of .env.example', () => {
    const table = new Set(
      [...readme.matchAll(/`([A-Z][A-Z0-9_]{2,})`/g)].map(([, name = '']) => name)
    )
    assert.deepEqual(
      [...exampleNames].filter((name) => !table.has(name)),
      []
    )
    const unknown = [...readme.matchAll(/^\| `([A-Z][A-Z0-9_]+)`/gm)]
      .map(([, name = '']) => name)
      .filter((name) => !exampleNames.has(name))
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
