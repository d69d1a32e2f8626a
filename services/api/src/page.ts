import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { FORECAST_MODELS, type ForecastSpec, type Timeframe } from '@tapedeck/domain'

export interface Page {
  readonly html: string
  readonly headers: Readonly<Record<string, string>>
}

/** In import order: each file uses only the files before it. */
const SCRIPTS = [
  'format.js',
  'svg.js',
  'market.js',
  'feed.js',
  'symbol-form.js',
  'sparkline.js',
  'scale.js',
  'candle-chart.js',
  'error-chart.js',
  'rate-chart.js',
  'tables.js',
  'forecast.js',
  'why.js',
  'main.js'
] as const

/**
 * The live page as one document that needs only the api: style and scripts are inline, so that it also
 * works where only this address can be reached. Its content security policy allows these scripts and
 * this server only.
 */
export function renderPage({
  timeframes,
  forecasts
}: {
  readonly timeframes: readonly Timeframe[]
  readonly forecasts: readonly ForecastSpec[]
}): Page {
  const style = read('page.css')
  const script = SCRIPTS.map((name) => withoutModuleSyntax(read(name))).join('\n')
  // Functions, because `$&` and the like in a replacement text are patterns.
  const specs = forecasts.map(({ timeframe, horizon }) => `${timeframe}:${horizon}`)
  const html = read('page.html')
    .replace('%timeframes%', () => timeframes.join(','))
    .replace('%forecasts%', () => specs.join(','))
    .replace('%models%', () => FORECAST_MODELS.map(({ name }) => name).join(','))
    .replace('/* page.css */', () => style)
    .replace('/* scripts */', () => script)
  const policy = [
    "default-src 'none'",
    "connect-src 'self'",
    "img-src 'self' data:",
    `style-src '${hashOf(between(html, '<style>', '</style>'))}'`,
    `script-src '${hashOf(between(html, '<script type="module">', '</script>'))}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'"
  ]
  return {
    html,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy': policy.join('; '),
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff'
    }
  }
}

function read(name: string): string {
  return readFileSync(new URL(`page/${name}`, import.meta.url), 'utf8')
}

/** The files are modules for editors and lint. Joined into one script, they need no imports. */
function withoutModuleSyntax(source: string): string {
  return source
    .replace(/^import \{[^}]*\} from '\.\/[a-z-]+\.js'\n/gm, '')
    .replace(/^export (?=(async )?function |const )/gm, '')
}

function between(html: string, opening: string, closing: string): string {
  const start = html.indexOf(opening) + opening.length
  return html.slice(start, html.indexOf(closing, start))
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
