/**
 * Works on values in batches, one at a time: those that come during a batch are the next one.
 * @param work must not reject
 * @returns takes a value, without waiting for its work
 */
export function collected<T = void>(
  work: (values: readonly T[]) => Promise<void>
): (value: T) => void {
  let waiting: T[] = []
  let isWorking = false
  const run = async (): Promise<void> => {
    isWorking = true
    while (waiting.length > 0) {
      const values = waiting
      waiting = []
      await work(values)
    }
    isWorking = false
  }
  return (value) => {
    waiting.push(value)
    if (!isWorking) void run()
  }
}
