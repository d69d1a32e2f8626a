/**
 * A dashboard drawn with Grafana's own published components: its fields, units, thresholds and mappings by @grafana/data, its
 * stats, charts and tables by @grafana/ui. Grafana itself and its panel plugins are in no package registry, so candles,
 * bar charts and annotations are drawn here as its documentation says.
 */
import { createTheme } from '@grafana/data'
import { GlobalStyles, PanelChrome, PortalContainer, ThemeContext } from '@grafana/ui'
import { createRoot } from 'react-dom/client'
import { drawnPanel } from './drawn-panel.tsx'
import { preparedPanel } from './prepared-panel.ts'
import type { Picture } from './picture.ts'

declare global {
  interface Window {
    /** Draws a dashboard; answers when it can be photographed. */
    draw: (picture: Picture) => void
  }
}

/** Grafana's grid: 24 columns, rows of 30 pixels, 8 between panels. */
const GRID = { columns: 24, rowHeight: 30, gap: 8 }
const PADDING = 16
const HEADER_HEIGHT = 88

function Dashboard({ picture }: { readonly picture: Picture }) {
  const { dashboard, variables, width } = picture
  const theme = createTheme({ colors: { mode: picture.theme } })
  const column = (width - 2 * PADDING + GRID.gap) / GRID.columns
  const row = GRID.rowHeight + GRID.gap
  const height = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * row
  const faint = { color: theme.colors.text.secondary }
  const chip = {
    border: `1px solid ${theme.colors.border.medium}`,
    borderRadius: 2,
    padding: '5px 8px',
    background: theme.colors.background.primary
  }
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={{ width, background: theme.colors.background.canvas, paddingBottom: PADDING }}>
        <div
          style={{ height: HEADER_HEIGHT, padding: `12px ${PADDING}px 0`, boxSizing: 'border-box' }}
        >
          <div style={{ display: 'flex', gap: 8, fontSize: 14, marginBottom: 10 }}>
            <span style={faint}>Dashboards › tapedeck ›</span>
            <strong>{dashboard.title}</strong>
            <span style={{ ...faint, marginLeft: 'auto' }}>{picture.rangeText}</span>
          </div>
          <div style={{ display: 'flex', gap: 8, fontSize: 13 }}>
            {variables.map(({ label, text }) => (
              <span key={label} style={chip}>
                <span style={faint}>{label}</span>&ensp;{text}
              </span>
            ))}
            <span style={{ marginLeft: 'auto' }} />
            {dashboard.links.map(({ title }) => (
              <span key={title} style={chip}>
                {title}
              </span>
            ))}
          </div>
        </div>
        <div style={{ position: 'relative', height, margin: `0 ${PADDING}px` }}>
          {dashboard.panels.map((panel) => {
            const { x, y, w, h } = panel.gridPos
            const [panelWidth, panelHeight] = [w * column - GRID.gap, h * row - GRID.gap]
            return (
              <div
                key={panel.id}
                data-panel={panel.title}
                style={{
                  position: 'absolute',
                  left: x * column,
                  top: y * row,
                  width: panelWidth,
                  height: panelHeight
                }}
              >
                <PanelChrome
                  width={panelWidth}
                  height={panelHeight}
                  title={panel.title}
                  description={panel.description}
                  padding={panel.type === 'table' ? 'none' : 'md'}
                  displayMode={panel.transparent ? 'transparent' : 'default'}
                >
                  {(innerWidth, innerHeight) => {
                    const prepared = preparedPanel(panel, picture, theme)
                    return drawnPanel(prepared, { width: innerWidth, height: innerHeight })
                  }}
                </PanelChrome>
              </div>
            )
          })}
        </div>
      </div>
      <PortalContainer />
    </ThemeContext.Provider>
  )
}

const root = createRoot(document.querySelector('#root') as HTMLElement)
window.draw = (picture) =>
  root.render(<Dashboard key={picture.theme + picture.dashboard.title} picture={picture} />)
