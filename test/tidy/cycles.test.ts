import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { importedFiles, sources } from './sources.ts'

/** Groups of nodes that reach one another, by Tarjan's algorithm; single nodes left out. */
function cyclesOf(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const path: string[] = []
  const cycles: string[][] = []
  const visit = (node: string): void => {
    order.set(node, order.size)
    lowest.set(node, order.size - 1)
    path.push(node)
    for (const next of edges.get(node) ?? []) {
      if (!order.has(next)) visit(next)
      if (path.includes(next)) {
        lowest.set(node, Math.min(lowest.get(node) ?? 0, lowest.get(next) ?? 0))
      }
    }
    if (lowest.get(node) !== order.get(node)) return
    const group = path.splice(path.indexOf(node))
    if (group.length > 1) cycles.push(group.toSorted())
  }
  for (const node of edges.keys()) if (!order.has(node)) visit(node)
  return cycles
}

describe('cycles', () => {
  it('are found in a graph', () => {
    const edges = new Map([
      ['a', ['b', 'd']],
      ['b', ['c']],
      ['c', ['a']],
      ['d', ['e']],
      ['e', ['f']],
      ['f', ['e']]
    ])
    const found = cyclesOf(edges).map((cycle) => cycle.join())
    assert.deepEqual(found.toSorted(), ['a,b,c', 'e,f'])
  })

  it('no file imports itself through others, not even for a type', () => {
    const edges = new Map(sources.map(({ file, imports }) => [file, importedFiles(file, imports)]))
    assert.deepEqual(cyclesOf(edges), [])
  })
})
