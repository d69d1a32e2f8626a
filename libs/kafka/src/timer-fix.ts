import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'

/**
 * kafkajs 2.2.4 re-arms a 1 ms timer permanently on every idle connection (tulios/kafkajs#1751): 5 % of
 * a core and a TimeoutNegativeWarning on Node 24. This arms it only while requests are pending.
 * Loaded before the first client; test/integration/kafka/timer-fix.test.ts guards it, the version is pinned.
 */
RequestQueue.prototype.scheduleCheckPendingRequests = function scheduleCheckPendingRequests() {
  if (this.throttleCheckTimeoutId || this.pending.length === 0) return
  const waitMs = this.throttledUntil - Date.now()
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null
      this.checkPendingRequests()
    },
    waitMs > 0 ? waitMs : 10
  )
}
