import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  layoutGraph,
  TASK_HEIGHT,
  type GraphLayout,
  type GraphTask
} from '../../../../../services/api/src/web/page/graph-layout.ts'

const WIDE = 900
const PHONE = 340

/** Graphs without cycles: a task comes after some of those before it; what is given to the layout is shuffled. */
const graphs = fc
  .array(fc.array(fc.nat({ max: 39 }), { maxLength: 3 }), { minLength: 1, maxLength: 40 })
  .chain((picks) => {
    const tasks = picks.map((ups, at): GraphTask => {
      const after = at === 0 ? [] : [...new Set(ups.map((up) => `t${up % at}`))]
      return { task: `t${at}`, after }
    })
    return fc.shuffledSubarray(tasks, { minLength: tasks.length })
  })

function laidOut(tasks: readonly GraphTask[], width: number): GraphLayout {
  const layout = layoutGraph(tasks, width)
  assert.ok(layout !== undefined)
  return layout
}

function chain(length: number): GraphTask[] {
  return Array.from({ length }, (_, at) => ({
    task: `t${at}`,
    after: at === 0 ? [] : [`t${at - 1}`]
  }))
}

function place(layout: GraphLayout, name: string): GraphLayout['tasks'][number] {
  const found = layout.tasks.find(({ task }) => task === name)
  assert.ok(found !== undefined, name)
  return found
}

describe('layoutGraph()', () => {
  it('places every task once, inside the picture, and no two on one another', () => {
    fc.assert(
      fc.property(graphs, fc.constantFrom(PHONE, 600, WIDE, 2000), (tasks, width) => {
        const layout = laidOut(tasks, width)
        assert.deepEqual(
          layout.tasks.map(({ task }) => task).toSorted(),
          tasks.map(({ task }) => task).toSorted()
        )
        assert.ok(layout.width <= Math.max(width, PHONE), `${layout.width} px of ${width}`)
        for (const [at, one] of layout.tasks.entries()) {
          assert.ok(one.x >= 0 && one.x + one.width <= layout.width, one.task)
          assert.ok(one.y >= 0 && one.y + TASK_HEIGHT <= layout.height, one.task)
          for (const other of layout.tasks.slice(at + 1)) {
            const isApart =
              one.x + one.width <= other.x ||
              other.x + other.width <= one.x ||
              one.y + TASK_HEIGHT <= other.y ||
              other.y + TASK_HEIGHT <= one.y
            assert.ok(isApart, `${one.task} and ${other.task}`)
          }
        }
      })
    )
  })

  it('draws each edge once, from its task to the next, whose names come later', () => {
    fc.assert(
      fc.property(graphs, fc.constantFrom(PHONE, WIDE), (tasks, width) => {
        const layout = laidOut(tasks, width)
        const wanted = tasks.flatMap(({ task, after }) => after.map((from) => `${from}>${task}`))
        const drawn = layout.edges.map(({ from, to }) => `${from}>${to}`)
        assert.deepEqual(drawn.toSorted(), wanted.toSorted())
        const order = layout.tasks.map(({ task }) => task)
        for (const { from, to, path, tip } of layout.edges) {
          assert.ok(order.indexOf(from) < order.indexOf(to), `${from} before ${to}`)
          assert.doesNotMatch(path, /NaN|undefined|Infinity/)
          const target = place(layout, to)
          assert.ok(tip.x >= target.x && tip.x <= target.x + target.width, `${from}>${to}`)
          assert.ok(tip.y >= target.y && tip.y <= target.y + TASK_HEIGHT, `${from}>${to}`)
        }
      })
    )
  })

  it('draws a chain as a straight line, and goes on below where the width ends', () => {
    const { tasks } = laidOut(chain(9), WIDE)
    const lines = Map.groupBy(tasks, ({ y }) => y)
    assert.deepEqual(
      [...lines.values()].map((line) => line.length),
      [4, 4, 1]
    )
    const [first = [], second = []] = lines.values()
    assert.deepEqual(
      first.map(({ x }) => x),
      second.map(({ x }) => x)
    )
  })

  it('puts a task that comes after two between them', () => {
    const layout = laidOut(
      [
        { task: 'a', after: [] },
        { task: 'b', after: [] },
        { task: 'both', after: ['a', 'b'] }
      ],
      WIDE
    )
    const middle = (place(layout, 'a').y + place(layout, 'b').y) / 2
    assert.equal(place(layout, 'both').y, middle)
  })

  it('draws one column where two do not fit, with long edges at the left', () => {
    const tasks = [...chain(4), { task: 'last', after: ['t3', 't0'] }]
    const layout = laidOut(tasks, PHONE)
    assert.equal(new Set(layout.tasks.map(({ x }) => x)).size, 1)
    const long = layout.edges.find(({ from, to }) => from === 't0' && to === 'last')
    assert.equal(long?.tip.points, 'right')
    assert.equal(layout.edges.filter(({ tip }) => tip.points === 'down').length, 4)
  })

  it('keeps thirty tasks in a page of a laptop at their full size', () => {
    const wide = Array.from({ length: 28 }, (_, at) => ({ task: `s${at}`, after: ['begin'] }))
    const end = { task: 'end', after: wide.map(({ task }) => task) }
    const layout = laidOut([{ task: 'begin', after: [] }, ...wide, end], WIDE)
    assert.ok(layout.width <= WIDE)
    assert.ok(layout.height <= 28 * 61)
  })

  it('leaves what is too large to be legible to the text, and ignores tasks that are not there', () => {
    assert.equal(layoutGraph([], WIDE), undefined)
    assert.equal(layoutGraph(chain(201), WIDE), undefined)
    assert.deepEqual(laidOut([{ task: 'a', after: ['gone'] }], WIDE).edges, [])
  })
})
