import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { importedFiles, importsOf, root, sources } from './sources.ts'
import { TESTED_WITH } from './tested-with.ts'

const testFiles = globSync('test/**/*.ts', { cwd: root }).map((file) => ({
  file,
  imports: importsOf(readFileSync(path.join(root, file), 'utf8'))
}))

/** Where the source of a unit test may lie. */
function placesOf(owner: string, rest: string): string[] {
  const homes = [`libs/${owner}/src`, `services/${owner}/src`, `${owner}/src`, `test/${owner}`]
  return homes.flatMap((home) => [`${home}/${rest}.ts`, `${home}/${rest}.js`])
}

/** The source that a unit test is named for; undefined for every other file. */
function sourceOf(test: string): string | undefined {
  const [, owner = '', rest = ''] = /^test\/unit\/([^/]+)\/(.+)\.test\.ts$/.exec(test) ?? []
  return placesOf(owner, rest).find((place) => existsSync(path.join(root, place)))
}

/** The tests of a layer that are found by the name of a source. */
function testsNamedFor({ file, owner }: { file: string; owner: string }): string[] {
  const [, rest = ''] = file.split('/src/')
  return ['unit', 'integration']
    .map((layer) => `test/${layer}/${owner}/${rest.replace(/\.ts$/, '')}.test.ts`)
    .filter((test) => existsSync(path.join(root, test)))
}

/** Code that decides or computes something; not tables, types, schemas and lists of exports. */
function hasLogic(text: string): boolean {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
  return /\b(return|throw|await|yield)\b/.test(code)
}

/** Every file that these import, directly or not, with themselves. */
function reachableFrom(files: readonly string[]): Set<string> {
  const importsIn = new Map([...sources, ...testFiles].map(({ file, imports }) => [file, imports]))
  const reached = new Set(files)
  for (const file of reached) {
    for (const other of importedFiles(file, importsIn.get(file) ?? [])) reached.add(other)
  }
  return reached
}

describe('files that are named in code', () => {
  // Nothing but this holds a program that is started by its path: the compiler does not read it, and some run on demand only.
  it('are there', () => {
    const named =
      /['"` ](?:\.\.\/)*((?:libs|services|grafana|test)\/[\w./-]+\.(?:ts|js|json))['"` ]/g
    const files = globSync(
      [
        '{libs,services,grafana,test}/**/*.{ts,js}',
        '{libs,services,test}/**/{package,modules}.json'
      ],
      { cwd: root, exclude: (name) => name === 'node_modules' }
    )
    const found = files.flatMap((file) => {
      const text = readFileSync(path.join(root, file), 'utf8')
      return [...text.matchAll(named)].map(([, name = '']) => ({ file, name }))
    })
    assert.ok(found.length > 50)
    assert.deepEqual(
      found.filter(({ name }) => !existsSync(path.join(root, name))),
      []
    )
  })
})

describe('tests', () => {
  const unitTests = testFiles.filter(({ file }) => /^test\/unit\/.*\.test\.ts$/.test(file))

  it('of units lie where their source lies', () => {
    assert.ok(unitTests.length > 50)
    assert.deepEqual(
      unitTests.filter(({ file }) => sourceOf(file) === undefined),
      []
    )
  })

  it('share nothing with the tests of another layer', () => {
    const misplaced = testFiles
      .filter(({ file }) => /^test\/(unit|integration|e2e)\//.test(file))
      .flatMap(({ file, imports }) => {
        const layer = file.split('/').slice(0, 2).join('/')
        return imports
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => path.posix.join(path.posix.dirname(file), specifier))
          .filter((target) => !/^test\/(support|programs)\//.test(target))
          .filter((target) => target !== sourceOf(file) && !target.startsWith(`${layer}/`))
          .map((target) => `${file} imports ${target}`)
      })
    assert.deepEqual(misplaced, [])
  })

  it('import product code by the entries of its packages, a unit test also its own source', () => {
    const behind = testFiles.flatMap(({ file, imports }) =>
      imports
        .filter((specifier) => {
          if (specifier.startsWith('@tapedeck/')) {
            // Node resolves only what the package declares in its `exports`.
            return !/^@tapedeck\/[a-z]+(\/[a-z]+)?$/.test(specifier)
          }
          if (!specifier.startsWith('.')) return false
          const target = path.posix.join(path.posix.dirname(file), specifier)
          return !target.startsWith('test/') && target !== sourceOf(file)
        })
        .map((specifier) => `${file} imports ${specifier}`)
    )
    assert.deepEqual(behind, [])
  })
})

describe('source files with logic', () => {
  const tested = sources.filter(
    // A main only starts what an app.ts or a command holds; tests of commands start it.
    ({ file, text }) => hasLogic(text) && !file.endsWith('main.ts')
  )
  const groups = TESTED_WITH.map(({ folder, files, ...rest }) => ({
    ...rest,
    files: files.split(/\s+/).flatMap((name) => (name === '' ? [] : [`${folder}/${name}.ts`]))
  }))
  const listed = groups.flatMap(({ files }) => files)

  it('have a test under their own name, or say in tested-with.ts which test holds them', () => {
    assert.ok(tested.length > 200)
    const names = new Set(listed)
    const without = tested
      .filter((source) => testsNamedFor(source).length === 0 && !names.has(source.file))
      .map(({ file, owner }) => {
        const name = (file.split('/src/')[1] ?? '').replace(/\.ts$/, '')
        return `${file}: expected test/unit/${owner}/${name}.test.ts, or an entry in tested-with.ts`
      })
    assert.deepEqual(without, [])
  })

  it('that stand in tested-with.ts exist, have logic, and are reached by the tests that it names', () => {
    const withLogic = new Set(tested.map(({ file }) => file))
    assert.deepEqual(
      listed.filter((file) => !withLogic.has(file)),
      []
    )
    const unreached = groups.flatMap(({ files, tests, programs = [] }) => {
      const paths = tests.map((test) => `test/${test}`)
      const missing = [...paths, ...programs].filter((file) => !existsSync(path.join(root, file)))
      const reached = reachableFrom([...paths, ...programs])
      return [
        ...missing.map((file) => `${file} is not there`),
        ...files
          .filter((file) => !reached.has(file))
          .map((file) => `${file} is not reached by ${tests.join(', ')}`)
      ]
    })
    assert.deepEqual(unreached, [])
  })
})
