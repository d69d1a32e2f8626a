/** What is drawn: a dashboard with its variables filled in, and what its queries gave. */
export interface Picture {
  readonly theme: 'dark' | 'light'
  /** Pixels. */
  readonly width: number
  readonly dashboard: DashboardModel
  readonly variables: readonly { readonly label: string; readonly text: string }[]
  readonly rangeText: string
  /** Epoch milliseconds. */
  readonly range: { readonly fromMs: number; readonly toMs: number }
  /** Frames of each panel, by its id, as the data source gives them. */
  readonly frames: Readonly<Record<number, readonly FrameModel[]>>
  readonly annotations: readonly AnnotationModel[]
}

/** One annotation: a moment, or a stretch when it has an end. Epoch milliseconds. */
export interface AnnotationModel {
  readonly color: string
  readonly fromMs: number
  readonly toMs: number | null
}

export interface FrameModel {
  readonly refId: string
  readonly fields: readonly {
    readonly name: string
    readonly type: string
    readonly labels: Readonly<Record<string, string>>
    readonly values: readonly unknown[]
  }[]
}

export interface DashboardModel {
  readonly title: string
  readonly links: readonly { readonly title: string }[]
  readonly panels: readonly PanelModel[]
}

export interface PanelModel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description: string
  readonly transparent?: boolean
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly options: Readonly<Record<string, unknown>>
  readonly transformations?: readonly { readonly id: string; readonly options: unknown }[]
  readonly fieldConfig: {
    readonly defaults: { readonly noValue: string; readonly custom?: object }
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: string }
      readonly properties: readonly { readonly id: string; readonly value?: unknown }[]
    }[]
  }
}
