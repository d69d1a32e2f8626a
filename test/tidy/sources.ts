import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(import.meta.dirname, '../..')

export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly file: string
  /** The package, by the last part of its name. */
  readonly owner: string
  readonly text: string
  readonly imports: readonly string[]
}

/** Every product file: of libs, services and grafana. */
export const sources: readonly SourceFile[] = globSync(
  ['libs/*/src/**/*.ts', 'services/*/src/**/*.ts', 'grafana/src/**/*.ts'],
  { cwd: root }
).map((file) => {
  const text = readFileSync(path.join(root, file), 'utf8')
  return {
    file,
    owner: file.startsWith('grafana') ? 'grafana' : (file.split('/')[1] ?? ''),
    text,
    imports: importsOf(text)
  }
})

/** The specifiers of all imports and re-exports, of types too. */
export function importsOf(text: string): string[] {
  const found = [
    ...text.matchAll(/^\s*(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]/gm),
    ...text.matchAll(/^\s*import\s+['"]([^'"]+)['"]/gm),
    ...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)
  ]
  return found.map(([, specifier = '']) => specifier)
}

/** The files of this repository that `file` imports itself: a package counts as its entry. */
export function importedFiles(file: string, imports: readonly string[]): string[] {
  return imports.flatMap((specifier) => {
    if (specifier.startsWith('.')) return [path.posix.join(path.posix.dirname(file), specifier)]
    if (!specifier.startsWith('@tapedeck/')) return []
    return [path.relative(root, fileURLToPath(import.meta.resolve(specifier)))]
  })
}

/** The folder of one of our own packages. */
function homeOf(owner: string): string {
  const homes = [`libs/${owner}`, `services/${owner}`, owner]
  return homes.find((home) => existsSync(path.join(root, home, 'package.json'))) ?? owner
}

interface Manifest {
  readonly exports?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

export function manifestOf(owner: string): Manifest {
  return JSON.parse(
    readFileSync(path.join(root, homeOf(owner), 'package.json'), 'utf8')
  ) as Manifest
}
