/** An element of index.html by its id. */
export function $(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`index.html has no #${id}`)
  return element
}

/** An element of index.html that is a certain kind, such as an input. */
export function typed<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = $(id)
  if (!(element instanceof kind)) throw new Error(`#${id} is no ${kind.name}`)
  return element
}

/** An element with a class and text. */
export function html<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className = '',
  content = ''
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name)
  if (className !== '') element.className = className
  element.textContent = content
  return element
}

/** Sets a text only when it changed, so that a screen reader does not read it out again. */
export function setText(element: HTMLElement, content: string): void {
  if (element.textContent !== content) element.textContent = content
}

/** The class of a number by its sign. */
export function directionClass(value: number | undefined): string {
  if (value === undefined || value === 0) return 'muted'
  return value > 0 ? 'up-text' : 'down-text'
}

const colours = new Map<string, string>()

/** A colour of page.css in the theme on show, such as `--up`, with an opacity from 0 to 1, as `rgba(…)`. */
export function colourOf(name: string, opacity = 1): string {
  const key = `${name} ${opacity}`
  let colour = colours.get(key)
  if (colour === undefined) {
    const probe = $('colour-probe')
    probe.style.color = `var(${name})`
    colour = getComputedStyle(probe).color.replace(/^rgb\((.+)\)$/, `rgba($1, ${opacity})`)
    colours.set(key, colour)
  }
  return colour
}

/** Another theme is on show. */
export function forgetColours(): void {
  colours.clear()
}

/** Work of one frame that leaves time to lay out and paint at 60 frames a second, ms. */
const FRAME_WORK_MS = 4
const waiting: (() => void)[] = []

/** Does what waits, in the order in which it came; what does not fit in this frame is done in the next ones. */
function workInFrame(): void {
  const startMs = performance.now()
  try {
    while (waiting.length > 0 && performance.now() - startMs < FRAME_WORK_MS) waiting.shift()?.()
  } finally {
    if (waiting.length > 0) requestAnimationFrame(workInFrame)
  }
}

/**
 * Work that is done in a frame soon after it was asked for, once however often that was.
 * @param leastMs between two times that it is done
 */
export function oncePerFrame(work: () => void, leastMs = 0): () => void {
  let isWaiting = false
  let lastMs = -Infinity
  const enter = (): void => {
    waiting.push(() => {
      isWaiting = false
      lastMs = performance.now()
      work()
    })
    if (waiting.length === 1) requestAnimationFrame(workInFrame)
  }
  return () => {
    if (isWaiting) return
    isWaiting = true
    const restMs = leastMs - (performance.now() - lastMs)
    // A frame asked for only to wait would have the browser do all else that belongs to one.
    if (restMs > 0) setTimeout(enter, restMs)
    else enter()
  }
}

/** What a scrolled element shows, CSS pixels. */
export interface View {
  readonly top: number
  readonly height: number
}

/**
 * Follows what a scrolled element shows. Asking the element itself after a change of the page makes the browser lay the
 * page out at once, and again for the frame.
 * @param onChange called after it was scrolled or has another height, also at first
 */
export function watchView(scroller: HTMLElement, onChange: () => void): View {
  const view = { top: scroller.scrollTop, height: scroller.clientHeight }
  const look = (): void => {
    view.top = scroller.scrollTop
    view.height = scroller.clientHeight
    onChange()
  }
  scroller.addEventListener('scroll', look, { passive: true })
  new ResizeObserver(look).observe(scroller)
  return view
}
