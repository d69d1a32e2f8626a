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

/** A function that runs `work` in the next frame, once for all calls before it, and at most every `leastMs`. */
export function oncePerFrame(work: () => void, leastMs = 0): () => void {
  let isWaiting = false
  let lastMs = -Infinity
  const run = (nowMs: number): void => {
    if (nowMs - lastMs < leastMs) {
      requestAnimationFrame(run)
      return
    }
    isWaiting = false
    lastMs = nowMs
    work()
  }
  return () => {
    if (isWaiting) return
    isWaiting = true
    requestAnimationFrame(run)
  }
}
