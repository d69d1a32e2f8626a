import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { TapedeckError } from '@tapedeck/core'
import { build } from 'esbuild'

const HERE = import.meta.dirname
const INSTALL_LIMIT_MS = 600_000

/** The page that draws dashboards. */
export interface PageBundle {
  readonly html: string
  /** A picture of an icon, by its path on the page; undefined where there is none. */
  icon(url: string): Promise<string | undefined>
}

/**
 * Installs what the page needs, checks its types and bundles it. The packages weigh about 450 MB, so they are no dependency of
 * the project: they are installed when somebody makes pictures.
 * @throws SERVER_FAILED when npm cannot install them or the types are wrong
 */
export async function pageBundle(note: (text: string) => void): Promise<PageBundle> {
  if (!(await isInstalled())) {
    note('  installing @grafana/ui beside the program, 450 MB, about a minute')
    await step('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--silent'])
  }
  await step('npx', ['tsc', '-p', 'page'])
  const { outputFiles } = await build({
    stdin: {
      contents: `import '@fontsource/inter/400.css'; import '@fontsource/inter/500.css'; import 'uplot/dist/uPlot.min.css'; import './page.tsx'`,
      resolveDir: path.join(HERE, 'page')
    },
    bundle: true,
    write: false,
    outdir: 'out',
    format: 'esm',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    loader: {
      '.woff2': 'dataurl',
      '.woff': 'empty',
      '.ttf': 'empty',
      '.svg': 'dataurl',
      '.png': 'dataurl'
    },
    logLevel: 'error'
  })
  const [script, styles] = ['.js', '.css'].map(
    (end) => outputFiles.find((file) => file.path.endsWith(end))?.text ?? ''
  )
  return {
    html: `<!doctype html><meta charset="utf-8"><style>${styles}</style><div id="root"></div>
<script type="module">${script?.replaceAll('</script', String.raw`<\/script`)}</script>`,
    async icon(url) {
      const [, name] = /\/icons\/([\w/-]+\.svg)$/.exec(url) ?? []
      if (name === undefined) return undefined
      const file = path.join(HERE, 'node_modules/@grafana/ui/dist/public/img/icons', name)
      return readFile(file, 'utf8').catch(() => undefined)
    }
  }
}

/** Whether npm's record of what it installed is newer than what is wanted. */
async function isInstalled(): Promise<boolean> {
  const [wanted, installed] = await Promise.all(
    ['package-lock.json', 'node_modules/.package-lock.json'].map((file) =>
      stat(path.join(HERE, file)).catch(() => undefined)
    )
  )
  return installed !== undefined && wanted !== undefined && installed.mtimeMs >= wanted.mtimeMs
}

async function step(command: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(command, args, { cwd: HERE, timeout: INSTALL_LIMIT_MS })
  } catch (cause) {
    const {
      stdout = '',
      stderr = '',
      message
    } = cause as { stdout?: string; stderr?: string; message: string }
    const said = `${stdout}${stderr}`.trim() || message
    throw new TapedeckError('SERVER_FAILED', `${command} ${args.join(' ')} failed: ${said}`, {
      cause
    })
  }
}
