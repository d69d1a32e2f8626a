/** A task of a graph to be drawn. */
export interface GraphTask {
  readonly task: string
  /** Upstream tasks; names that are not in the graph are ignored. */
  readonly after: readonly string[]
}

export interface PlacedTask extends GraphTask {
  readonly x: number
  readonly y: number
  readonly width: number
}

interface PlacedEdge {
  readonly from: string
  readonly to: string
  /** As in the attribute `d` of an SVG path; its last point is where the arrow points to. */
  readonly path: string
  readonly tip: { readonly x: number; readonly y: number; readonly points: 'right' | 'down' }
}

/** Where everything is, in px from the upper left corner. */
export interface GraphLayout {
  readonly width: number
  readonly height: number
  /** In the order in which they are read: upstream tasks first. */
  readonly tasks: readonly PlacedTask[]
  readonly edges: readonly PlacedEdge[]
}

export const TASK_HEIGHT = 46
/** Four layers fit beside one another in a window of 1440 px. */
const TASK_WIDTH = 156
const GAP = { x: 26, y: 14, line: 10, row: 18, band: 26, lane: 7 } as const
/** Beside the graph, where edges turn. */
const MARGIN = { x: 20, y: 6 } as const
const RADIUS = 7
const MOST_LANES = 3
const SWEEPS = 8
/** Beyond this a picture tells less than the text, and takes long to lay out. */
const MOST_TASKS = 200
const MOST_POINTS = 4000

/** A task, or a point that an edge passes in a layer between its ends. */
interface Item {
  readonly task: GraphTask | undefined
  readonly layer: number
  readonly up: Item[]
  readonly down: Item[]
  /** Of its middle. */
  y: number
  x: number
}

/**
 * Lays out a graph without cycles: layers from left to right by the longest way from a first task, and a further band of
 * layers below where `width` ends. Where it has no room for two layers side by side, the tasks stand in one column.
 * Sugiyama's method: points in the layers that an edge passes, the order in each layer by the mean of the neighbours,
 * then places as near to them as the order allows.
 * @param width px
 * @returns undefined for a graph that is too large to be legible
 */
export function layoutGraph(tasks: readonly GraphTask[], width: number): GraphLayout | undefined {
  if (tasks.length === 0 || tasks.length > MOST_TASKS) return undefined
  const known = new Set(tasks.map(({ task }) => task))
  const own = tasks.map((one) => ({ ...one, after: one.after.filter((name) => known.has(name)) }))
  const perBand = Math.floor((width - 2 * MARGIN.x + GAP.x) / (TASK_WIDTH + GAP.x))
  if (perBand < 2) return inColumn(own, width)
  const layers = layersOf(own)
  const points = own.flatMap(({ task, after }) =>
    after.map((name) => (layers.get(task) ?? 0) - (layers.get(name) ?? 0))
  )
  if (points.reduce((sum, one) => sum + one, 0) > MOST_POINTS) return undefined
  return inBands(own, layers, perBand)
}

/** The layer of each task: one behind the last of its upstream tasks. */
function layersOf(tasks: readonly GraphTask[]): Map<string, number> {
  const layers = new Map<string, number>()
  for (const { task, after } of upstreamFirst(tasks)) {
    layers.set(task, Math.max(-1, ...after.map((name) => layers.get(name) ?? 0)) + 1)
  }
  return layers
}

/** The tasks with upstream ones first, else in the order given. */
function upstreamFirst(tasks: readonly GraphTask[]): GraphTask[] {
  const placed = new Set<string>()
  const order: GraphTask[] = []
  let left = [...tasks]
  while (left.length > 0) {
    const free = left.filter(({ after }) => after.every((name) => placed.has(name)))
    // A graph of a run has no cycles; one that had any would be drawn all the same.
    const next = free.length > 0 ? free : left
    for (const one of next) placed.add(one.task)
    order.push(...next)
    left = left.filter(({ task }) => !placed.has(task))
  }
  return order
}

function inBands(
  tasks: readonly GraphTask[],
  layerOf: ReadonlyMap<string, number>,
  perBand: number
): GraphLayout {
  const layers: Item[][] = []
  const add = (task: GraphTask | undefined, layer: number): Item => {
    const item: Item = { task, layer, up: [], down: [], x: 0, y: 0 }
    const of = (layers[layer] ??= [])
    of.push(item)
    return item
  }
  const items = new Map(tasks.map((one) => [one.task, add(one, layerOf.get(one.task) ?? 0)]))
  const ways: Item[][] = []
  for (const { task, after } of tasks) {
    for (const name of after) {
      const [from, to] = [items.get(name), items.get(task)]
      if (from === undefined || to === undefined) continue
      const way = [from]
      for (let layer = from.layer + 1; layer < to.layer; layer++) way.push(add(undefined, layer))
      way.push(to)
      for (let at = 1; at < way.length; at++) {
        way[at - 1]?.down.push(way[at] as Item)
        way[at]?.up.push(way[at - 1] as Item)
      }
      ways.push(way)
    }
  }
  orderLayers(layers)
  let [top, width] = [MARGIN.y, 0]
  for (let first = 0; first < layers.length; first += perBand) {
    const band = layers.slice(first, first + perBand)
    const bottom = placeBand(band, top)
    for (const [column, layer] of band.entries()) {
      const x = MARGIN.x + column * (TASK_WIDTH + GAP.x)
      width = Math.max(width, x + TASK_WIDTH + MARGIN.x)
      for (const item of layer) item.x = x
    }
    const turning = (band.at(-1) ?? []).reduce((sum, { down }) => sum + down.length, 0)
    top = bottom + (turning === 0 ? GAP.y : GAP.band + Math.min(turning, MOST_LANES) * GAP.lane)
  }
  const bottoms = bandBottoms(layers, perBand)
  const lanes = new Map<number, number>()
  const edges = ways.map((way): PlacedEdge => {
    const [from, to] = [way[0] as Item, way.at(-1) as Item]
    const path = way.slice(1).map((item, at) => {
      const before = way[at] as Item
      const band = Math.floor(before.layer / perBand)
      if (Math.floor(item.layer / perBand) === band) return alongside(before, item)
      const lane = lanes.get(band) ?? 0
      lanes.set(band, lane + 1)
      return aroundTo(before, item, (bottoms[band] ?? 0) + GAP.y, lane % MOST_LANES)
    })
    return {
      from: from.task?.task ?? '',
      to: to.task?.task ?? '',
      path: `M${from.x + TASK_WIDTH} ${rounded(from.y)}${path.join('')}`,
      tip: { x: to.x, y: rounded(to.y), points: 'right' }
    }
  })
  const placed = layers.flatMap((layer) =>
    layer.flatMap(({ task, x, y }) =>
      task === undefined ? [] : [{ ...task, x, y: rounded(y - TASK_HEIGHT / 2), width: TASK_WIDTH }]
    )
  )
  const height = Math.max(0, ...bottoms) + MARGIN.y
  return { width, height: rounded(height), tasks: placed, edges }
}

/** Sorts each layer by the mean place of the neighbours, forth and back. */
function orderLayers(layers: readonly Item[][]): void {
  const sort = (layer: Item[], beside: readonly Item[], side: 'up' | 'down'): void => {
    const places = new Map(beside.map((item, at) => [item, at]))
    const wanted = new Map(
      layer.map((item, at) => [item, meanOf(item[side].map((one) => places.get(one) ?? 0)) ?? at])
    )
    layer.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0))
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isForth = sweep % 2 === 0
    for (let step = 1; step < layers.length; step++) {
      const at = isForth ? step : layers.length - 1 - step
      sort(layers[at] ?? [], layers[isForth ? at - 1 : at + 1] ?? [], isForth ? 'up' : 'down')
    }
  }
}

/** Gives the items of a band their `y`, from `top` on. @returns the bottom of the lowest */
function placeBand(band: readonly (readonly Item[])[], top: number): number {
  const inBand = new Set(band.flat())
  for (const layer of band)
    placeLayer(
      layer,
      layer.map(() => 0)
    )
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const layer of sweep % 2 === 0 ? band : band.toReversed()) {
      placeLayer(
        layer,
        layer.map((item) => {
          const beside = [...item.up, ...item.down].filter((one) => inBand.has(one))
          return meanOf(beside.map(({ y }) => y)) ?? item.y
        })
      )
    }
  }
  const all = band.flat()
  const shift = top - Math.min(...all.map((item) => item.y - heightOf(item) / 2))
  for (const item of all) item.y += shift
  return Math.max(...all.map((item) => item.y + heightOf(item) / 2))
}

/**
 * Puts the items of a layer as near to where they are wanted as their order and distances allow, by least squares: what
 * would be too close moves as one block (pool adjacent violators).
 */
function placeLayer(layer: readonly Item[], wanted: readonly number[]): void {
  let offset = 0
  const offsets = layer.map((item, at) => {
    const before = layer[at - 1]
    if (before !== undefined) {
      const gap = before.task === undefined || item.task === undefined ? GAP.line : GAP.y
      offset += (heightOf(before) + heightOf(item)) / 2 + gap
    }
    return offset
  })
  const blocks: { sum: number; count: number }[] = []
  for (const [at, want] of wanted.entries()) {
    let block = { sum: want - (offsets[at] ?? 0), count: 1 }
    for (let last = blocks.at(-1); last !== undefined; last = blocks.at(-1)) {
      if (last.sum / last.count < block.sum / block.count) break
      block = { sum: last.sum + block.sum, count: last.count + block.count }
      blocks.pop()
    }
    blocks.push(block)
  }
  let at = 0
  for (const { sum, count } of blocks) {
    for (const end = at + count; at < end; at++) {
      const item = layer[at]
      if (item !== undefined) item.y = sum / count + (offsets[at] ?? 0)
    }
  }
}

function heightOf({ task }: Item): number {
  return task === undefined ? 6 : TASK_HEIGHT
}

function bandBottoms(layers: readonly (readonly Item[])[], perBand: number): number[] {
  const bottoms: number[] = []
  for (const [layer, items] of layers.entries()) {
    const band = Math.floor(layer / perBand)
    const lowest = Math.max(...items.map((item) => item.y + heightOf(item) / 2))
    bottoms[band] = Math.max(bottoms[band] ?? 0, lowest)
  }
  return bottoms
}

/** From the right of one item to the left of another in the next layer, and through that if it is a point. */
function alongside(from: Item, to: Item): string {
  const [x, middle] = [from.x + TASK_WIDTH, from.x + TASK_WIDTH + GAP.x / 2]
  const bend =
    Math.abs(from.y - to.y) < 0.5
      ? `L${to.x} ${rounded(to.y)}`
      : `C${middle} ${rounded(from.y)} ${middle} ${rounded(to.y)} ${x + GAP.x} ${rounded(to.y)}`
  return to.task === undefined ? `${bend}h${TASK_WIDTH}` : bend
}

/** The same to the first layer of the next band: around the right, back below the band and in from the left. */
function aroundTo(from: Item, to: Item, gutterY: number, lane: number): string {
  const [y, r] = [rounded(gutterY + lane * GAP.lane), RADIUS]
  const right = from.x + TASK_WIDTH + 4 + lane * 4
  const left = to.x - 6 - lane * 3
  const path =
    `H${right}q${r} 0 ${r} ${r}V${y - r}q0 ${r} ${-r} ${r}` +
    `H${left}q${-r} 0 ${-r} ${r}V${rounded(to.y - r)}q0 ${r} ${r} ${r}H${to.x}`
  return to.task === undefined ? `${path}h${TASK_WIDTH}` : path
}

/** One below the other; an edge to the next task is straight, the others of a task share a line at the left. */
function inColumn(tasks: readonly GraphTask[], width: number): GraphLayout {
  const order = upstreamFirst(tasks)
  const rows = new Map(order.map(({ task }, row) => [task, row]))
  const far = new Map<string, number[]>()
  for (const [row, { after }] of order.entries()) {
    for (const name of after) {
      if (row - (rows.get(name) ?? 0) > 1) far.set(name, [...(far.get(name) ?? []), row])
    }
  }
  // A lane is free again below the last task that its line leads to.
  const lanes: number[] = []
  const laneOf = new Map<string, number>()
  for (const { task } of order) {
    const ends = far.get(task)
    if (ends === undefined) continue
    const row = rows.get(task) ?? 0
    const free = lanes.findIndex((until) => until <= row)
    const lane = free === -1 ? lanes.length : free
    lanes[lane] = Math.max(...ends)
    laneOf.set(task, lane)
  }
  const spacing = Math.min(GAP.lane * 1.5, (width * 0.3) / Math.max(1, lanes.length))
  const left = MARGIN.y + (lanes.length === 0 ? 0 : RADIUS + lanes.length * spacing)
  const yOf = (row: number): number => MARGIN.y + row * (TASK_HEIGHT + GAP.row)
  const edges = order.flatMap(({ task, after }, row) =>
    after.map((from): PlacedEdge => {
      const start = rows.get(from) ?? 0
      if (row - start === 1) {
        const x = left + 24
        const tip = { x, y: yOf(row), points: 'down' } as const
        return { from, to: task, path: `M${x} ${yOf(start) + TASK_HEIGHT}V${yOf(row)}`, tip }
      }
      const x = rounded(left - RADIUS - ((laneOf.get(from) ?? 0) + 0.5) * spacing)
      const [y1, y2] = [yOf(start) + TASK_HEIGHT * 0.68, yOf(row) + TASK_HEIGHT * 0.32]
      const r = Math.min(RADIUS, left - x)
      const path =
        `M${left} ${rounded(y1)}H${rounded(x + r)}q${-r} 0 ${-r} ${r}` +
        `V${rounded(y2 - r)}q0 ${r} ${r} ${r}H${left}`
      return { from, to: task, path, tip: { x: left, y: rounded(y2), points: 'right' } }
    })
  )
  const placed = order.map((one, row) => ({
    ...one,
    x: left,
    y: yOf(row),
    width: Math.max(TASK_WIDTH / 2, width - left - MARGIN.y)
  }))
  const height = yOf(order.length - 1) + TASK_HEIGHT + MARGIN.y
  return { width, height, tasks: placed, edges }
}

function meanOf(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
