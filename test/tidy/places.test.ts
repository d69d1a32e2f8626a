import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { importsOf, root } from './sources.ts'

/** Where the source of test/unit/OWNER/REST.test.ts may lie. */
function placesOf(owner: string, rest: string): string[] {
  const homes = [`libs/${owner}/src`, `services/${owner}/src`, `${owner}/src`, `test/${owner}`]
  return homes.flatMap((home) => [`${home}/${rest}.ts`, `${home}/${rest}.js`])
}

describe('unit tests', () => {
  const tests = globSync('**/*.test.ts', { cwd: path.join(root, 'test/unit') })
    .map((file) => file.slice(0, -'.test.ts'.length))
    .toSorted()

  it('lie where their source lies', () => {
    assert.ok(tests.length > 50)
    const without = tests.filter((test) => {
      const [owner = '', ...rest] = test.split('/')
      const places = placesOf(owner, rest.join('/'))
      return !places.some((place) => existsSync(path.join(root, place)))
    })
    assert.deepEqual(without, [])
  })

  it('share nothing with the tests of another layer', () => {
    const misplaced = globSync('test/{unit,integration,e2e}/**/*.ts', { cwd: root }).flatMap(
      (file) => {
        const layer = file.split('/').slice(0, 2).join('/')
        return importsOf(readFileSync(path.join(root, file), 'utf8'))
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => path.posix.join(path.posix.dirname(file), specifier))
          .filter((target) => !/^test\/(support|programs)\//.test(target))
          .filter((target) => !target.startsWith(`${layer}/`))
          .map((target) => `${file} imports ${target}`)
      }
    )
    assert.deepEqual(misplaced, [])
  })
})
