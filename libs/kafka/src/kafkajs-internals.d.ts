declare module 'kafkajs/src/network/requestQueue/index.js' {
  const RequestQueue: {
    prototype: {
      throttleCheckTimeoutId: NodeJS.Timeout | null
      throttledUntil: number
      pending: readonly unknown[]
      checkPendingRequests(): void
      scheduleCheckPendingRequests(): void
    }
  }
  export default RequestQueue
}
