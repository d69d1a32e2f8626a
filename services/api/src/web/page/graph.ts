import { layoutGraph, TASK_HEIGHT, type GraphTask, type PlacedTask } from './graph-layout.ts'

const SVG = 'http://www.w3.org/2000/svg'

/** A task with how it stands. */
export interface ShownTask extends GraphTask {
  readonly state: string
  /** What stands below its name. */
  readonly about: string
  /** It is no part of the graph: it runs because another task has failed. */
  readonly isErrorHandler: boolean
}

/** The signs of states, on a circle of radius 8; a state is never told by its colour alone. */
const SIGNS: Readonly<Record<string, string>> = {
  waiting: 'M-3.5 0h.01M0 0h.01M3.5 0h.01',
  ready: 'M0-4v4l2.6 2',
  running: 'M-2.2-3.6L3.8 0L-2.2 3.6z',
  succeeded: 'M-3.6.2L-1 2.9L3.8-2.7',
  failed: 'M-2.9-2.9L2.9 2.9M2.9-2.9L-2.9 2.9',
  skipped: 'M-3.6-3L-.6 0L-3.6 3M.6-3L3.6 0L.6 3',
  cancelled: 'M-3 0h6'
}

const TEXT_X = 32

interface DrawnTask {
  readonly group: SVGGElement
  readonly sign: SVGPathElement
  readonly about: SVGTextElement
  readonly name: SVGTextElement
  /** Of its texts, px. */
  readonly room: number
  /** To the tasks after it. */
  readonly edges: readonly SVGGElement[]
  /** What its second line says; it may be shortened on show. */
  said: string
}

/**
 * The graph of a run as SVG. Each task is a button: a click or Enter opens it; Tab reaches the graph, and the arrow keys go
 * through its tasks. What changes is changed in place, so that the focus stays.
 */
export class RunGraph {
  readonly #home: HTMLElement
  readonly #open: (task: string) => void
  readonly #drawn = new Map<string, DrawnTask>()
  #shape = ''
  #shown: readonly ShownTask[] = []
  /** The task that Tab reaches. */
  #current = ''

  constructor(home: HTMLElement, open: (task: string) => void) {
    this.#home = home
    this.#open = open
    new ResizeObserver(() => this.show(this.#shown)).observe(home)
  }

  /** @returns whether the graph could be drawn; one that is too large is not */
  show(tasks: readonly ShownTask[]): boolean {
    this.#shown = tasks
    const width = this.#home.clientWidth
    const shape = JSON.stringify([width, tasks.map(({ task, after }) => [task, after])])
    if (shape !== this.#shape && width > 0) {
      this.#shape = shape
      this.#draw(tasks, width)
    }
    for (const task of tasks) this.#update(task)
    return this.#drawn.size > 0
  }

  #draw(tasks: readonly ShownTask[], width: number): void {
    const focused = document.activeElement?.getAttribute('data-task') ?? undefined
    this.#drawn.clear()
    this.#home.replaceChildren()
    const layout = layoutGraph(tasks, width)
    if (layout === undefined) return
    const handlers = new Set(tasks.filter((one) => one.isErrorHandler).map(({ task }) => task))
    const svg = element('svg', {
      width: String(layout.width),
      height: String(layout.height),
      viewBox: `0 0 ${layout.width} ${layout.height}`,
      role: 'group',
      'aria-label': `Graph of ${tasks.length} tasks; arrow keys move, Enter opens a task`
    })
    const edgesOf = new Map<string, SVGGElement[]>()
    for (const { from, to, path, tip } of layout.edges) {
      const kind = handlers.has(to) ? ' handler' : ''
      const arrow = tip.points === 'right' ? 'l-6-4v8z' : 'l-4-6h8z'
      const edge = element('g', { class: `edge${kind}`, 'data-from': from, 'data-to': to })
      edge.append(
        element('path', { d: path }),
        element('path', { class: 'tip', d: `M${tip.x} ${tip.y}${arrow}` })
      )
      svg.append(edge)
      edgesOf.set(from, [...(edgesOf.get(from) ?? []), edge])
    }
    const names = layout.tasks.map(({ task }) => task)
    if (!names.includes(this.#current)) this.#current = names[0] ?? ''
    for (const placed of layout.tasks) {
      svg.append(this.#drawTask(placed, layout.tasks, edgesOf.get(placed.task) ?? []))
    }
    this.#home.append(svg)
    for (const [task, { name, room }] of this.#drawn) fit(name, task, room)
    if (focused !== undefined) this.#drawn.get(focused)?.group.focus()
  }

  #drawTask(
    placed: PlacedTask,
    all: readonly PlacedTask[],
    edges: readonly SVGGElement[]
  ): SVGGElement {
    const { task, x, y, width } = placed
    const group = element('g', {
      transform: `translate(${x} ${y})`,
      role: 'button',
      tabindex: task === this.#current ? '0' : '-1',
      'data-task': task
    })
    const room = width - TEXT_X - 6
    const box = { width: String(width), height: String(TASK_HEIGHT), rx: '9' }
    const badge = element('g', { class: 'sign', transform: `translate(18 ${TASK_HEIGHT / 2})` })
    const sign = element('path', { d: '' })
    badge.append(element('circle', { r: '8' }), sign)
    const name = element('text', { class: 'name', x: String(TEXT_X), y: '20' })
    const about = element('text', { class: 'about', x: String(TEXT_X), y: '35' })
    const rect = element('rect', { class: 'box', ...box })
    const title = element('title', {})
    title.textContent = task
    rect.append(title)
    group.append(rect, badge, name, about)
    group.addEventListener('click', () => this.#open(task))
    group.addEventListener('focus', () => this.#makeCurrent(task))
    group.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault()
        this.#open(task)
        return
      }
      const next = neighbourOf(placed, all, event.key)
      if (next === undefined) return
      event.preventDefault()
      this.#drawn.get(next.task)?.group.focus()
    })
    this.#drawn.set(task, { group, sign, name, about, room, edges, said: '' })
    return group
  }

  #makeCurrent(task: string): void {
    this.#drawn.get(this.#current)?.group.setAttribute('tabindex', '-1')
    this.#drawn.get(task)?.group.setAttribute('tabindex', '0')
    this.#current = task
  }

  #update({ task, state, about: more, after }: ShownTask): void {
    const drawn = this.#drawn.get(task)
    if (drawn === undefined) return
    drawn.group.setAttribute('class', `task ${state}`)
    drawn.sign.setAttribute('d', SIGNS[state] ?? '')
    const text = more === '' ? state : `${state} · ${more}`
    if (drawn.said !== text) {
      drawn.said = text
      fit(drawn.about, text, drawn.room)
    }
    // What is read out begins with what is seen, so that it can be asked for by voice.
    const seen = `${drawn.name.textContent}${drawn.about.textContent}`.trim()
    const whole = seen === `${task} ${text}` ? '' : `, ${task} ${text}`
    const upstream = after.length === 0 ? '' : `; after ${after.join(', ')}`
    drawn.group.setAttribute('aria-label', `${seen}${whole}${upstream}`)
    for (const edge of drawn.edges) edge.dataset['state'] = state
  }
}

/** The nearest task in the direction of an arrow key. */
function neighbourOf(
  from: PlacedTask,
  all: readonly PlacedTask[],
  key: string
): PlacedTask | undefined {
  const at = all.indexOf(from)
  if (key === 'Home') return all[0]
  if (key === 'End') return all.at(-1)
  const nearest = (found: readonly PlacedTask[]): PlacedTask | undefined =>
    found.toSorted((a, b) => distance(a) - distance(b))[0]
  const distance = ({ x, y }: PlacedTask): number => Math.abs(x - from.x) * 4 + Math.abs(y - from.y)
  if (key === 'ArrowDown') return nearest(all.filter(({ x, y }) => x === from.x && y > from.y))
  if (key === 'ArrowUp') return nearest(all.filter(({ x, y }) => x === from.x && y < from.y))
  if (key === 'ArrowRight') {
    return nearest(all.filter(({ after }) => after.includes(from.task))) ?? all[at + 1]
  }
  if (key === 'ArrowLeft') {
    return nearest(all.filter(({ task }) => from.after.includes(task))) ?? all[at - 1]
  }
  return undefined
}

/** Shows as much of a text as there is room for; a name of several words is told by its ends. */
function fit(line: SVGTextElement, text: string, room: number): void {
  // The space parts it from the next line where texts are joined.
  line.textContent = `${text} `
  for (let most = text.length - 1; most > 3 && line.getComputedTextLength() > room; most--) {
    const head = Math.ceil((most - 1) * 0.6)
    line.textContent = `${text.slice(0, head)}…${text.slice(text.length - (most - 1 - head))} `
  }
}

function element<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string>>
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}
