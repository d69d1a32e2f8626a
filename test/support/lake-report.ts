import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** Publishes a report of a trading date in a lake, as the module `report` does. */
export async function publishReport(
  lakeDir: string,
  { date, run, html }: { readonly date: string; readonly run: string; readonly html: string }
): Promise<void> {
  const home = path.join(lakeDir, 'refined', 'report', `trade_date=${date}`)
  await mkdir(path.join(home, 'v1'), { recursive: true })
  await writeFile(path.join(home, 'v1', 'report.html'), html)
  const sha256 = createHash('sha256').update(html).digest('hex')
  const bytes = Buffer.byteLength(html)
  const tables = [{ name: 'html', files: [{ path: 'v1/report.html', bytes, sha256 }] }]
  const manifest = { format: 1, version: 'v1', run, publishedAt: '2026-11-27T22:31:04Z', tables }
  await writeFile(path.join(home, 'manifest.json'), JSON.stringify(manifest))
}
