import type { Metrics } from '@tapedeck/service'

export function captureMetrics(metrics: Metrics) {
  return {
    framesCaptured: metrics.counter('capture_frames_total', 'Frames written to capture files'),
    framesDropped: metrics.counter(
      'capture_frames_dropped_total',
      'Frames that were not captured: the disk was too slow or took nothing'
    ),
    bytesCaptured: metrics.counter('capture_bytes_total', 'Compressed bytes of capture files')
  }
}

export type CaptureMetrics = ReturnType<typeof captureMetrics>
