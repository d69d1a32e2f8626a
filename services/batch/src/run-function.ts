import { addAbortListener } from 'node:events'
import { messageOf } from '@tapedeck/core'
import type { RunDocument, TaskResult } from '@tapedeck/mongo'
import type { Flow, Json } from './flow.ts'
import { OutputTail } from './output-tail.ts'

/** A result is kept in the document of its task, and read by every task that takes it. */
const OUTPUT_BYTES = 1024 * 1024
const TAIL_BYTES = 16 * 1024

/**
 * Runs the function of a task. When the signal aborts its result is no longer waited for.
 * @param outputs what tasks of the run returned, as JSON, by their names
 * @param signal its reason is the error of a function that was ended by it
 */
export async function runFunction(
  { functions, name: flow }: Flow,
  task: string,
  {
    run,
    attempt,
    outputs,
    signal
  }: {
    readonly run: Pick<RunDocument, '_id' | 'parameters'>
    readonly attempt: number
    readonly outputs: ReadonlyMap<string, string | null>
    readonly signal: AbortSignal
  }
): Promise<TaskResult> {
  const tail = new OutputTail(TAIL_BYTES)
  const end = (error: string | null, output: string | null = null): TaskResult => ({
    exitCode: null,
    output,
    tail: tail.toString(),
    error
  })
  const found = functions.get(task)
  if (found === undefined) {
    return end(`flow ${flow} has no task ${task}, expected the flow as it was when the run began`)
  }
  const inputs = Object.fromEntries(
    Object.entries(found.inputs).map(([own, upstream]) => [
      own,
      JSON.parse(outputs.get(upstream) ?? 'null') as Json
    ])
  )
  const aborted = Promise.withResolvers<never>()
  // It may be rejected before anybody waits for it.
  aborted.promise.catch(() => undefined)
  using _listener = addAbortListener(signal, () => aborted.reject(signal.reason))
  try {
    const returned = await Promise.race([
      Promise.resolve(
        found.run({
          signal,
          run: run._id,
          parameters: run.parameters,
          inputs,
          attempt,
          log: (line) => tail.add(Buffer.from(`${line}\n`))
        })
      ),
      aborted.promise
    ])
    // A task may return nothing.
    const output = JSON.stringify(returned ?? null)
    const bytes = Buffer.byteLength(output)
    return bytes <= OUTPUT_BYTES
      ? end(null, output)
      : end(
          `the result is ${bytes} bytes of JSON, expected at most ${OUTPUT_BYTES}; write it to a file and return its path`
        )
  } catch (error) {
    return end(signal.aborted ? String(signal.reason) : messageOf(error))
  }
}
