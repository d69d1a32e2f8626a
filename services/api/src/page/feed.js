/** One sentence for each feed: why it is silent, or that it is not. */
export function feedText(feeds) {
  if (feeds.length === 0) return 'No producer has reported on its feed yet'
  return feeds
    .map(({ feed, state, isStale, explanation, queuedFrames, spooledBytes }) => {
      const queued =
        queuedFrames > 0 || spooledBytes > 0 ? `; ${queueText({ queuedFrames, spooledBytes })}` : ''
      const said =
        explanation.startsWith(state) || isStale ? explanation : `${state}, ${explanation}`
      return `${feeds.length > 1 ? `${feed}: ` : ''}${said}${queued}`
    })
    .join(' · ')
}

/** `good` when all feeds are connected, `bad` when one is stale or stopped, otherwise `waiting`. */
export function feedTone(feeds) {
  if (feeds.some(({ isStale, state }) => isStale || state === 'stopped')) return 'bad'
  return feeds.length > 0 && feeds.every(({ state }) => state === 'connected') ? 'good' : 'waiting'
}

function queueText({ queuedFrames, spooledBytes }) {
  const kept = spooledBytes > 0 ? `, ${Math.ceil(spooledBytes / 1024)} KiB of them on disk` : ''
  return `${queuedFrames} frames wait for the broker${kept}`
}
