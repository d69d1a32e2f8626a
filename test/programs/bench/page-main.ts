/**
 * `npm run bench:page`: the live page in a real browser on the whole pipeline: how soon it paints, how many frames a second
 * it draws while many trades come, and what it transfers. Exit code 0 when the page was live throughout.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { commandLine, runCommand, table, type Terminal } from '@tapedeck/core'
import { DEFAULT_SYMBOLS } from '@tapedeck/domain'
import { SERVER_SETTINGS } from '@tapedeck/stack/testing'
import type { BrowserContext, CDPSession, Page } from 'playwright-core'
import { openBrowser } from '../../support/browser.ts'
import { openPipeline } from '../../support/page-pipeline.ts'
import { onServers } from './on-servers.ts'

const START_LIMIT_MS = 60_000
const PAST = { thinMs: 3_600_000, denseMs: 600_000 }
const VIEWPORT = { width: 1440, height: 900 }

const command = commandLine({
  name: 'bench:page',
  purpose:
    'Opens the live page in a headless Chromium on the whole pipeline, and measures first paint, frames a second and bytes a second.',
  forms: ['-- [--rate N] [--seconds N] [--profile DIR] [--json]'],
  options: {
    rate: ['text', 'N', 'trades a second of all symbols together (1000)'],
    seconds: ['text', 'N', 'how long frames are counted (20)'],
    profile: ['text', 'DIR', 'write a CPU profile of the page while frames are counted'],
    json: ['flag', 'the last line is one JSON object']
  },
  settings: SERVER_SETTINGS,
  exits: ['the page was live throughout', 'it was not', 'wrong arguments, or no server or browser'],
  example: '-- --rate 5000',
  read: (given) => ({
    rate: given.whole('rate', 1, 100_000) ?? 1000,
    seconds: given.whole('seconds', 1, 600) ?? 20,
    profileDir: given.text('profile'),
    isJson: given.flag('json')
  })
})

interface Frames {
  readonly count: number
  readonly longestMs: number
  readonly seconds: number
}

async function main(
  given: Exclude<ReturnType<typeof command.read>, 'help'>,
  terminal: Terminal
): Promise<0 | 1> {
  return onServers(async ({ scope }) => {
    const browser = await openBrowser(scope)
    const rate = given.rate / DEFAULT_SYMBOLS.length
    const pipeline = await openPipeline(scope, DEFAULT_SYMBOLS, PAST, {
      SIMULATOR_RATE: String(rate)
    })
    await pipeline.startFeed()
    const context = await browser.newContext({ viewport: VIEWPORT })
    const page = await context.newPage()
    let bytes = 0
    const session = await context.newCDPSession(page)
    await session.send('Network.enable')
    session.on('Network.dataReceived', ({ encodedDataLength }) => (bytes += encodedDataLength))
    session.on('Network.webSocketFrameReceived', ({ response }) => {
      bytes += response.payloadData.length
    })
    const paints: number[] = []
    for (let visit = 0; visit < 3; visit++) {
      await page.goto(`${pipeline.url}/#symbol=AAPL&timeframe=1s`)
      await page.reload()
      paints.push(await firstPaint(page))
    }
    const live = page.locator('#connection', { hasText: /^live$/ })
    await live.waitFor({ timeout: START_LIMIT_MS })
    terminal.note(`  live; counting frames for ${given.seconds} s`)
    const before = bytes
    const profile =
      given.profileDir === undefined ? undefined : await startProfile(session, given.profileDir)
    const frames = await countFrames(page, given.seconds)
    await profile?.write()
    const empty = await emptyFrames(context, given.seconds)
    const rowsFps = frames.count / frames.seconds
    const perSecond = (bytes - before) / frames.seconds
    const isLive = (await page.locator('#connection').innerText()) === 'live'
    const found = {
      rate: given.rate,
      firstPaintMs: Math.round(median(paints)),
      framesPerSecond: Math.round(rowsFps * 10) / 10,
      emptyPageFramesPerSecond: Math.round((empty.count / empty.seconds) * 10) / 10,
      longestFrameMs: Math.round(frames.longestMs),
      kilobytesPerSecond: Math.round(perSecond / 100) / 10,
      isLive
    }
    terminal.write(table([Object.keys(found), Object.values(found).map(String)]))
    if (given.isJson) terminal.write(`${JSON.stringify(found)}\n`)
    return isLive ? 0 : 1
  })
}

/** When the page first showed something, ms after the navigation began. */
function firstPaint(page: Page): Promise<number> {
  return page.evaluate<number>(`new Promise((resolve) => {
    const look = () => {
      const [paint] = performance.getEntriesByName('first-contentful-paint')
      if (paint === undefined) requestAnimationFrame(look)
      else resolve(paint.startTime)
    }
    look()
  })`)
}

/** What a page without anything gets in the same browser, while the pipeline works as before. */
async function emptyFrames(context: BrowserContext, seconds: number): Promise<Frames> {
  const page = await context.newPage()
  const frames = await countFrames(page, seconds)
  await page.close()
  return frames
}

/** Profiles the script of a page; `write` leaves `page.cpuprofile` in the folder. */
async function startProfile(
  session: CDPSession,
  folder: string
): Promise<{ write(): Promise<void> }> {
  await session.send('Profiler.enable')
  await session.send('Profiler.start')
  return {
    async write() {
      const { profile } = await session.send('Profiler.stop')
      await mkdir(folder, { recursive: true })
      await writeFile(path.join(folder, 'page.cpuprofile'), JSON.stringify(profile))
    }
  }
}

function countFrames(page: Page, seconds: number): Promise<Frames> {
  return page.evaluate<Frames>(`new Promise((resolve) => {
    let [count, longestMs, lastMs] = [0, 0, performance.now()]
    const startedMs = lastMs
    const frame = (nowMs) => {
      count++
      longestMs = Math.max(longestMs, nowMs - lastMs)
      lastMs = nowMs
      const tookMs = nowMs - startedMs
      if (tookMs < ${seconds * 1000}) requestAnimationFrame(frame)
      else resolve({ count, longestMs, seconds: tookMs / 1000 })
    }
    requestAnimationFrame(frame)
  })`)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}

await runCommand({ ...command, run: main })
