/** One sentence for each feed: why it is silent, or that it is not. */
export function feedText(feeds) {
  if (feeds.length === 0) return 'No producer has reported on its feed yet'
  return feeds
    .map(({ feed, state, isStale, explanation, warnings, queuedFrames, spooledBytes }) => {
      const isQueued = warnings.length === 0 && (queuedFrames > 0 || spooledBytes > 0)
      const queued = isQueued ? `; ${queueText({ queuedFrames, spooledBytes })}` : ''
      const said =
        explanation.startsWith(state) || isStale ? explanation : `${state}, ${explanation}`
      return `${feeds.length > 1 ? `${feed}: ` : ''}${said}${queued}`
    })
    .join(' · ')
}

/** `good` when all is well, `bad` when a feed is stale, stopped or has warnings, otherwise `waiting`. */
export function feedTone(feeds) {
  if (
    feeds.some(
      ({ isStale, state, warnings }) => isStale || state === 'stopped' || warnings.length > 0
    )
  )
    return 'bad'
  return feeds.length > 0 && feeds.every(({ state }) => state === 'connected') ? 'good' : 'waiting'
}

function queueText({ queuedFrames, spooledBytes }) {
  const kept = spooledBytes > 0 ? `, ${Math.ceil(spooledBytes / 1024)} KiB of them on disk` : ''
  return `${queuedFrames} frames wait for the broker${kept}`
}
