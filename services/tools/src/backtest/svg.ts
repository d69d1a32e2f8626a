/** Pieces of SVG as text. Coordinates are pixels, rounded so that files are small and stable. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  content = ''
): string {
  const list = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escaped(value)}"`)
    .join('')
  return content === '' ? `<${name}${list}/>` : `<${name}${list}>${content}</${name}>`
}

export function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return element('line', { x1, y1, x2, y2, class: style })
}

export function label(
  x: number,
  y: number,
  text: string,
  style = '',
  anchor: 'start' | 'middle' | 'end' = 'start'
): string {
  return element('text', { x, y, class: `text ${style}`, 'text-anchor': anchor }, escaped(text))
}

/** A whole drawing; colours follow the reader's light or dark scheme. */
export function drawing(
  { width, height, title }: { width: number; height: number; title: string },
  parts: readonly string[]
): string {
  const content = [
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    element('rect', { width, height, class: 'surface' }),
    ...parts
  ].join('\n')
  const head = { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}` }
  return `${element('svg', { ...head, width, height, role: 'img' }, content)}\n`
}

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10)
}

const STYLE = `
.surface{fill:#fcfcfb}.text{fill:#52514e;font:12px system-ui,sans-serif}
.strong{fill:#0b0b0b;font-weight:600}.title{font-size:14px}.small{font-size:11px}
.grid{stroke:#e4e3df}.axis{stroke:#8a8984}.goal{fill:#898781;fill-opacity:.16}
.c0{fill:#2a78d6;stroke:#2a78d6}.c1{fill:#c2571a;stroke:#c2571a}.c2{fill:#12805a;stroke:#12805a}
.mark{stroke-width:1.5}.open{fill:#fcfcfb}.range{stroke-width:1.5}.path{fill:none;stroke-width:2}
.reference{stroke-dasharray:5 3}
@media (prefers-color-scheme:dark){
.surface,.open{fill:#1a1a19}.text{fill:#c3c2b7}.strong{fill:#fff}
.grid{stroke:#33332f}.axis{stroke:#84837c}
.c0{fill:#5a9cec;stroke:#5a9cec}.c1{fill:#e8874f;stroke:#e8874f}.c2{fill:#3cb98c;stroke:#3cb98c}
.open{fill:#1a1a19}.path{fill:none}
}`
