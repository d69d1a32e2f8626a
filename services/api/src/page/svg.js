const SVG = 'http://www.w3.org/2000/svg'

export const $ = (id) => document.getElementById(id)

/** An SVG element; undefined children are skipped. */
export function svg(name, attributes = {}, children = []) {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children.filter((child) => child !== undefined))
  return element
}

export function svgText(x, y, content, attributes = {}) {
  return svg('text', { x, y, ...attributes }, [content])
}

/** An HTML element with a class and text. */
export function html(name, className, content = '') {
  const element = document.createElement(name)
  if (className !== '') element.className = className
  element.textContent = content
  return element
}

/** Sets a text only when it changed, so that a screen reader does not read it out again. */
export function setText(element, content) {
  if (element.textContent !== content) element.textContent = content
}

/** Shows a drawing, or a text that says why there is none. */
export function show(container, drawing, emptyText) {
  container.replaceChildren(drawing ?? html('p', 'empty', emptyText))
}

/** The size of a chart's box in CSS pixels. Drawings are made for it, so that text is not scaled. */
export function sizeOf(container) {
  return {
    width: Math.max(200, container.clientWidth),
    height: Math.max(60, container.clientHeight)
  }
}
