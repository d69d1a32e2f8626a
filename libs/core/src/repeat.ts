/** Runs `work` again `intervalMs` after it ended; the answer stops it and waits for its end. */
export function repeat(
  intervalMs: number,
  work: () => Promise<void>,
  onFailure: (error: unknown) => void
): () => Promise<void> {
  let running: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  const schedule = (): void => {
    if (isStopped) return
    timer = setTimeout(() => {
      running = work().then(schedule, onFailure)
    }, intervalMs)
  }
  schedule()
  return async () => {
    isStopped = true
    clearTimeout(timer)
    await running
  }
}
