import assert from 'node:assert/strict'
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { createGunzip, gunzipSync } from 'node:zlib'
import { Capture, producerMetrics } from '@tapedeck/producer/testing'
import { createMetrics } from '@tapedeck/service'
import { eventually } from '../../support/eventually.ts'
import { log, temporaryFolder } from './outbox/outbox-harness.ts'

const START_MS = Date.UTC(2026, 2, 10, 14, 0, 0, 123)
const CONFIG = { rotateMs: 3_600_000, maxFileBytes: 64 * 1024 * 1024 }

interface Line {
  readonly t: number
  readonly c: string
  readonly n: number
  readonly f: string
}

function open(
  dir: string,
  more: Partial<typeof CONFIG> = {},
  metrics = createMetrics()
): Promise<Capture> {
  return Capture.open({ dir, ...CONFIG, ...more }, producerMetrics(metrics), log)
}

function linesOf(text: string): Line[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
}

async function files(dir: string): Promise<{ name: string; lines: Line[] }[]> {
  const names = (await readdir(dir)).toSorted()
  return Promise.all(
    names.map(async (name) => ({
      name,
      lines: linesOf(gunzipSync(await readFile(path.join(dir, name))).toString())
    }))
  )
}

describe('capture', { timeout: 60_000 }, () => {
  it('keeps every frame byte for byte with its receive time and connection', async (t) => {
    const dir = await temporaryFolder(t)
    const capture = await open(dir)
    const texts = [
      '{"type":"ping"}',
      '{ "a" : "é\\u0000 \\"" }',
      '{',
      '',
      'line\nbreak \u2028 \ud83d\ude00'
    ]
    texts.forEach((text, i) => capture.frame(text, START_MS + i, '0abc', i + 1))
    await capture.close()
    const [file, ...others] = await files(dir)
    assert.deepEqual(others, [])
    assert.equal(file?.name, '2026-03-10T14-00-00.123Z-0abc.ndjson.gz')
    assert.deepEqual(
      file.lines,
      texts.map((f, i) => ({ t: START_MS + i, c: '0abc', n: i + 1, f }))
    )
  })

  it('writes within a second, and what it wrote is readable after a kill', async (t) => {
    const dir = await temporaryFolder(t)
    const capture = await open(dir)
    t.after(() => capture.close())
    const sizes: number[] = []
    for (let part = 0; part < 3; part++) {
      for (let i = 0; i < 50; i++) capture.frame(`{"part":${part},"i":${i}}`, START_MS, 'c', i)
      await eventually(
        async () => {
          const [name = ''] = await readdir(dir)
          const bytes = await readFile(path.join(dir, name))
          assert.ok(bytes.length > (sizes.at(-1) ?? 0))
          assert.equal(linesOf(gunzipSync(bytes).toString()).length, 50 * (part + 1))
          sizes.push(bytes.length)
        },
        { timeoutMs: 5000, everyMs: 20 }
      )
    }
    // As if the process had ended within its last write.
    const [name = ''] = await readdir(dir)
    const copy = path.join(await temporaryFolder(t), name)
    const bytes = await readFile(path.join(dir, name))
    await writeFile(copy, bytes)
    await truncate(copy, (sizes[1] ?? 0) + 15)
    let text = ''
    const gunzip = createGunzip()
    gunzip.on('data', (piece: Buffer) => {
      text += piece.toString()
    })
    const ended = Promise.withResolvers<void>()
    gunzip.on('error', () => ended.resolve())
    gunzip.on('end', () => ended.resolve())
    gunzip.end(await readFile(copy))
    await ended.promise
    assert.ok(text.split('\n').length > 100)
  })

  it('begins a new file for each connection, after the set time, and at the set size', async (t) => {
    const dir = await temporaryFolder(t)
    const capture = await open(dir)
    capture.frame('a', START_MS, 'one', 1)
    capture.frame('b', START_MS + 1000, 'two', 1)
    await capture.close()
    const timed = await open(dir, { rotateMs: 1000 })
    timed.frame('c', START_MS + 2000, 'three', 1)
    await eventually(async () => assert.equal((await readdir(dir)).length, 3))
    timed.frame('d', START_MS + 3000, 'three', 2)
    await timed.close()
    const sized = await open(dir, { maxFileBytes: 10 })
    sized.frame('e', START_MS + 4000, 'four', 1)
    await eventually(async () => assert.equal((await readdir(dir)).length, 5))
    sized.frame('f', START_MS + 4001, 'four', 2)
    await sized.close()
    const all = await files(dir)
    assert.deepEqual(
      all.map(({ name, lines }) => ({
        name: name.slice(17, -10),
        frames: lines.map(({ f }) => f).join('')
      })),
      [
        { name: '00.123Z-one', frames: 'a' },
        { name: '01.123Z-two', frames: 'b' },
        { name: '02.123Z-three', frames: 'c' },
        { name: '03.123Z-three', frames: 'd' },
        { name: '04.123Z-four', frames: 'e' },
        { name: '04.124Z-four', frames: 'f' }
      ]
    )
  })

  it('drops and counts frames that the disk cannot keep up with, and never waits', async (t) => {
    const dir = await temporaryFolder(t)
    const metrics = createMetrics()
    const capture = await open(dir, {}, metrics)
    const text = 'x'.repeat(100_000)
    for (let i = 1; i <= 1000; i++) capture.frame(text, START_MS, 'c', i) // 100 MB at once
    await capture.close()
    const { body } = await metrics.expose()
    const count = (name: string): number =>
      Number(new RegExp(`^tapedeck_${name} (\\d+)`, 'm').exec(body)?.[1])
    const [file] = await files(dir)
    assert.equal(file?.lines.length, count('capture_frames_total'))
    assert.ok(count('capture_frames_dropped_total') > 0)
    assert.equal(count('capture_frames_total') + count('capture_frames_dropped_total'), 1000)
    assert.deepEqual(
      file.lines.map(({ n }) => n),
      file.lines.map((_, i) => i + 1)
    )
  })

  it('refuses a folder that cannot be written to and names it', async (t) => {
    const dir = await temporaryFolder(t)
    await writeFile(path.join(dir, 'file'), '')
    await assert.rejects(open(path.join(dir, 'file')), {
      code: 'CONFIG_INVALID',
      message: /^Cannot start: CAPTURE_DIR '.*' cannot be written to/
    })
  })
})
