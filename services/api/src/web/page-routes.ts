import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { FORECAST_MODELS, type ForecastSpec, type Timeframe } from '@tapedeck/domain'
import type { ServiceContext } from '@tapedeck/service'
import { build, stop } from 'esbuild'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { PAGE_HEADERS } from '../access/policies.ts'

/** What the page is told of the configuration. */
interface PageConfig {
  readonly timeframes: readonly Timeframe[]
  readonly forecasts: readonly ForecastSpec[]
}

/** A file of the page, compressed once for all requests. */
interface Asset {
  readonly type: string
  readonly plain: Buffer
  readonly gzip: Buffer
  readonly br: Buffer
}

interface Bundle {
  /** Of the live page. */
  readonly html: string
  /** Of the page of the batch side. */
  readonly batch: string
  /** By name; a name has the hash of its content. */
  readonly assets: ReadonlyMap<string, Asset>
}

const FOLDER = path.join(import.meta.dirname, 'page')
/** Browsers of 2023 and later. */
const TARGET = 'es2022'
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8'
}
/** One bundle for the process: its sources do not change while it runs. */
let bundling: Promise<Bundle> | undefined

/**
 * Serves the live page. esbuild bundles its TypeScript in memory when the api listens, or at the first request if that comes
 * earlier, so there is no build step and the start does not wait for it (docs/adr/0040-the-page-is-bundled-at-the-start.md).
 */
export function addPageRoutes(
  app: FastifyInstance,
  config: PageConfig,
  { log }: Pick<ServiceContext, 'log'>
): void {
  app.addHook('onListen', (done) => {
    const startedMs = performance.now()
    bundle().then(
      () => log.info({ tookMs: Math.round(performance.now() - startedMs) }, 'page is bundled'),
      (error: unknown) => log.error({ err: error }, 'page cannot be bundled')
    )
    done()
  })
  let document: Promise<Asset> | undefined
  let batchDocument: Promise<Asset> | undefined
  const route = { config: { scope: 'public' }, helmet: PAGE_HEADERS } as const
  app.get('/', { ...route, schema: { summary: 'The live page' } }, async (request, reply) => {
    const { html } = await bundle()
    document ??= assetOf('text/html; charset=utf-8', withConfig(html, config))
    return send(request, reply, await document, 'no-cache')
  })
  app.get(
    '/batch',
    { ...route, schema: { summary: 'The page of runs and schedules' } },
    async (request, reply) => {
      const { batch } = await bundle()
      batchDocument ??= assetOf('text/html; charset=utf-8', Buffer.from(batch))
      return send(request, reply, await batchDocument, 'no-cache')
    }
  )
  const schema = { hide: true }
  app.get<{ Params: { name: string } }>(
    '/assets/:name',
    { ...route, schema },
    async (request, reply) => {
      const asset = (await bundle()).assets.get(request.params.name)
      if (asset === undefined) return reply.callNotFound()
      return send(request, reply, asset, 'public, max-age=31536000, immutable')
    }
  )
}

function bundle(): Promise<Bundle> {
  bundling ??= makeBundle()
  return bundling
}

async function makeBundle(): Promise<Bundle> {
  try {
    const { outputFiles } = await build({
      absWorkingDir: FOLDER,
      entryPoints: {
        page: 'main.ts',
        style: 'page.css',
        batch: 'batch.ts',
        'batch-style': 'batch.css'
      },
      outdir: 'out',
      entryNames: '[name]-[hash]',
      bundle: true,
      minify: true,
      write: false,
      format: 'esm',
      target: TARGET,
      legalComments: 'none',
      logLevel: 'silent'
    })
    const files = outputFiles.map((file) => ({
      name: path.basename(file.path),
      content: Buffer.from(file.contents)
    }))
    const assets = await Promise.all(
      files.map(async ({ name, content }) => {
        const asset = await assetOf(TYPES[path.extname(name)] ?? 'text/plain', content)
        return [name, asset] as const
      })
    )
    const named = (entry: string, extension: string): string =>
      files.find(({ name }) => new RegExp(`^${entry}-[A-Z0-9]+\\${extension}$`).test(name))?.name ??
      ''
    const dialog = await readFile(path.join(FOLDER, 'token-dialog.html'), 'utf8')
    const documentOf = async (file: string, script: string, style: string): Promise<string> =>
      (await readFile(path.join(FOLDER, file), 'utf8'))
        .replace('%script%', () => named(script, '.js'))
        .replace('%style%', () => named(style, '.css'))
        .replace('%token-dialog%', () => dialog)
    return {
      html: await documentOf('index.html', 'page', 'style'),
      batch: await documentOf('batch.html', 'batch', 'batch-style'),
      assets: new Map(assets)
    }
  } finally {
    // Its process would keep its memory until this one ends.
    await stop()
  }
}

/** Timeframes and models are configured names without quotes. */
function withConfig(html: string, { timeframes, forecasts }: PageConfig): Buffer {
  const specs = forecasts.map(({ timeframe, horizon }) => `${timeframe}:${horizon}`)
  const text = html
    .replace('%timeframes%', () => timeframes.join(','))
    .replace('%forecasts%', () => specs.join(','))
    .replace('%models%', () => FORECAST_MODELS.map(({ name }) => name).join(','))
  return Buffer.from(text)
}

async function assetOf(type: string, plain: Buffer): Promise<Asset> {
  const [zipped, br] = await Promise.all([
    promisify(gzip)(plain, { level: 9 }),
    promisify(brotliCompress)(plain, BROTLI)
  ])
  return { type, plain, gzip: zipped, br }
}

function send(
  request: FastifyRequest,
  reply: FastifyReply,
  asset: Asset,
  caching: string
): FastifyReply {
  const accepted = request.headers['accept-encoding'] ?? ''
  const coding = (['br', 'gzip'] as const).find((one) => accepted.includes(one))
  const etag = `"${createHash('sha256').update(asset.plain).digest('base64url').slice(0, 22)}"`
  reply.headers({
    'content-type': asset.type,
    'cache-control': caching,
    vary: 'accept-encoding',
    etag
  })
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()
  if (coding === undefined) return reply.send(asset.plain)
  return reply.header('content-encoding', coding).send(asset[coding])
}
