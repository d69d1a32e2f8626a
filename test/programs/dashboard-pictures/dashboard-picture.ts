import {
  runTarget,
  runVariable,
  type EmulatedSource,
  type Target
} from '../../support/infinity-emulator.ts'
import type { DashboardJson } from '../../support/infinity-emulator-panels.ts'
import type { AnnotationModel, DashboardModel, FrameModel, Picture } from './page/picture.ts'

/** How a dashboard is opened: by the address of its api, with these choices. */
export interface Opened {
  readonly url: string
  readonly symbol: string
  readonly timeframe: string
  /** Epoch milliseconds. */
  readonly fromMs: number
  readonly toMs: number
}

/** Asks what a dashboard asks when it is opened, the way Grafana and its data source do. */
export async function pictureOf(
  dashboard: DashboardJson,
  opened: Opened
): Promise<Omit<Picture, 'theme' | 'width'>> {
  const range = { fromMs: opened.fromMs, toMs: opened.toMs }
  const chosen: Record<string, string> = { timeframe: opened.timeframe, symbol: opened.symbol }
  const source = (): EmulatedSource => ({ baseUrl: opened.url, variables: chosen, ...range })
  const variables: { label: string; text: string }[] = []
  for (const { name, label, current, query } of dashboard.templating.list) {
    chosen[name] ??=
      current?.value ??
      (typeof query === 'object'
        ? (await runVariable(query.infinityQuery, source()))[0]
        : undefined) ??
      ''
    variables.push({ label: label ?? name, text: chosen[name] })
  }
  const frames: Record<number, FrameModel[]> = {}
  for (const { id, targets } of dashboard.panels) {
    frames[id] = []
    for (const target of targets) {
      const { fields } = await runTarget(target, source())
      frames[id].push({ refId: target.refId, fields })
    }
  }
  const fill = (text: string): string =>
    text.replaceAll(/\$(\w+)/g, (whole, name: string) => chosen[name] ?? whole)
  const model = dashboard as unknown as DashboardModel
  return {
    dashboard: {
      ...model,
      panels: model.panels.map((panel) => ({
        ...panel,
        title: fill(panel.title),
        description: fill(panel.description)
      }))
    },
    variables,
    frames,
    range,
    rangeText: [opened.fromMs, opened.toMs]
      .map((timeMs) => `${new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`)
      .join(' to '),
    annotations: await annotationsOf(dashboard, source())
  }
}

async function annotationsOf(
  dashboard: DashboardJson,
  source: EmulatedSource
): Promise<AnnotationModel[]> {
  const found: AnnotationModel[] = []
  for (const { target, iconColor } of dashboard.annotations.list as readonly {
    target: Target
    iconColor: string
  }[]) {
    const { fields } = await runTarget(target, source)
    const values = (wanted: string) => fields.find(({ name }) => name === wanted)?.values
    values('time')?.forEach((time, row) => {
      const end = values('timeEnd')?.[row]
      found.push({
        color: iconColor,
        fromMs: Number(time),
        toMs: typeof end === 'number' ? end : null
      })
    })
  }
  return found
}
