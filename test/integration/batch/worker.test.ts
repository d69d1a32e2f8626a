import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { defineFlow, newRun, watchlistCsv, type Job } from '@tapedeck/batch/testing'
import { findOutputs, resumeRun, cancelRun, createRun } from '@tapedeck/mongo'
import { eventually } from '../../support/eventually.ts'
import { temporaryFolder } from '../../support/scope.ts'
import { jobOf, openHarness, WATCHLIST, watchlistServer } from './harness.ts'

const options = { timeout: 120_000 }

/** A sequence of shell one-liners; the shell is the program, given by the test. */
function sequenceOf(scripts: readonly string[], handler?: string, timeoutMs = 60_000): Job {
  const specOf = (name: string, after: readonly string[]) => ({
    name,
    after,
    retries: 0,
    retryDelayMs: 0,
    backoff: 'fixed' as const,
    timeoutMs
  })
  const names = scripts.map((_, index) => `step-${index + 1}`)
  const tasks = names.map((name, index) => specOf(name, names.slice(index - 1, index)))
  const commands = new Map(names.map((name, index) => [name, ['sh', '-c', scripts[index]!]]))
  if (handler !== undefined) commands.set('handler', ['sh', '-c', handler])
  return {
    spec: { name: 'chain', kind: 'sequence', tasks },
    about: '',
    errorHandler: handler === undefined ? null : specOf('handler', []),
    commands
  }
}

describe('a flow', options, () => {
  it('passes results on, side by side where the graph allows it', async (t) => {
    let atATime = 0
    let most = 0
    const both = Promise.withResolvers<void>()
    const meet = async (): Promise<void> => {
      most = Math.max(most, ++atATime)
      if (atATime === 2) both.resolve()
      await both.promise
      atATime--
    }
    const flow = defineFlow({ name: 'diamond', about: '' }, ({ task }) => {
      const begin = task('begin', {}, ({ parameters }) => ({ from: Number(parameters['from']) }))
      const left = task('left', { inputs: { begin } }, async ({ inputs }) => {
        await meet()
        return inputs.begin.from + 1
      })
      const right = task('right', { inputs: { begin } }, async ({ inputs }) => {
        await meet()
        return inputs.begin.from * 10
      })
      task('end', { inputs: { left, right } }, ({ inputs }) => inputs.left + inputs.right)
    })
    const { database, run } = await openHarness(t, [flow])
    const ended = await run(jobOf(flow), { from: '5' })
    assert.equal(ended.run.state, 'succeeded')
    assert.equal(most, 2)
    const outputs = await findOutputs(database, ended.run._id, ['end'])
    assert.equal(outputs.get('end'), '56')
    assert.match(ended.run.parameters['date'] ?? '', /^\d{4}-\d{2}-\d{2}$/)
  })

  it('tries a task again, and skips what is downstream of one that failed', async (t) => {
    const tries: number[] = []
    const flow = defineFlow({ name: 'failing', about: '' }, ({ task }) => {
      task('shaky', { retries: 2, retryDelayMs: 50 }, ({ attempt }) => {
        tries.push(attempt)
        if (attempt < 3) throw new Error(`not yet ${attempt}`)
        return null
      })
      const broken = task('broken', {}, () => {
        throw new Error('no such thing')
      })
      task('after', { after: [broken] }, () => null)
    })
    const { run } = await openHarness(t, [flow])
    const ended = await run(jobOf(flow))
    assert.equal(ended.run.state, 'failed')
    assert.equal(ended.run.error, 'broken: no such thing')
    assert.deepEqual(tries, [1, 2, 3])
    assert.deepEqual(
      ended.tasks.map(({ task, state, attempt }) => [task, state, attempt]),
      [
        ['shaky', 'succeeded', 3],
        ['broken', 'failed', 1],
        ['after', 'skipped', 0]
      ]
    )
    assert.deepEqual(
      ended.tasks[0]?.attempts.map(({ error }) => error),
      ['not yet 1', 'not yet 2', null]
    )
  })

  it('extracts from a server that is away for a while, transforms and loads into a CSV file', async (t) => {
    const { url, asked } = await watchlistServer(t, [503, 503, 500, WATCHLIST])
    const out = await temporaryFolder(t)
    const flow = watchlistCsv(50)
    const { database, run } = await openHarness(t, [flow])
    const ended = await run(jobOf(flow), { url, out })
    assert.equal(ended.run.state, 'succeeded')
    assert.equal(asked(), 4)
    const extract = ended.tasks.find(({ task }) => task === 'extract')
    assert.deepEqual(
      extract?.attempts.map(({ error }) => /answered (\d+)/.exec(error ?? '')?.[1]),
      ['503', '503', '500', undefined]
    )
    const outputs = await findOutputs(database, ended.run._id, ['load'])
    const { file, rows } = JSON.parse(outputs.get('load') ?? '') as { file: string; rows: number }
    assert.equal(rows, 2)
    assert.match(await readFile(file, 'utf8'), /^symbol,price,changePercent\r\nAAPL,200,2\r\n/)
    // In production it is tried ten times more, half a minute apart.
    const spec = watchlistCsv().tasks.find(({ name }) => name === 'extract')
    assert.deepEqual([spec?.retries, spec?.retryDelayMs], [10, 30_000])
  })

  it('goes on from the failed task when it is resumed', async (t) => {
    const begun: string[] = []
    let isMended = false
    const flow = defineFlow({ name: 'mended', about: '' }, ({ task }) => {
      const first = task('first', {}, () => {
        begun.push('first')
        return 1
      })
      task('second', { inputs: { first } }, ({ inputs }) => {
        begun.push('second')
        if (!isMended) throw new Error('broken')
        return inputs.first
      })
    })
    const { database, run, ended } = await openHarness(t, [flow])
    const failed = await run(jobOf(flow))
    assert.equal(failed.run.state, 'failed')
    isMended = true
    const target = { queue: 'flow:mended', isLocal: false }
    assert.equal(await resumeRun(database, failed.run._id, target), true)
    const done = await eventually(async () => {
      const found = await ended(failed.run._id)
      assert.equal(found.run.state, 'succeeded')
      return found
    })
    assert.deepEqual(begun, ['first', 'second', 'second'])
    assert.equal(done.run.error, null)
    assert.equal(await resumeRun(database, failed.run._id, target), false)
  })

  it('ends the tasks of a run that is cancelled', async (t) => {
    const begun = Promise.withResolvers<void>()
    const aborted = Promise.withResolvers<void>()
    const flow = defineFlow({ name: 'endless', about: '' }, ({ task }) => {
      const endless = task('endless', {}, async ({ signal }) => {
        signal.addEventListener('abort', () => aborted.resolve())
        begun.resolve()
        await aborted.promise
        return null
      })
      task('after', { after: [endless] }, () => null)
    })
    const { database, ended } = await openHarness(t, [flow], { leaseMs: 15_000 })
    const made = newRun(jobOf(flow), { cause: 'command', parameters: {} })
    await createRun(database, made)
    await begun.promise
    const cancelledMs = performance.now()
    assert.equal(await cancelRun(database, made._id), true)
    await aborted.promise
    t.diagnostic(`ended ${Math.round(performance.now() - cancelledMs)} ms after it was cancelled`)
    const { run, tasks } = await ended(made._id)
    assert.equal(run.state, 'cancelled')
    assert.deepEqual(
      tasks.map(({ state }) => state),
      ['cancelled', 'cancelled']
    )
  })

  it('fails a task that takes longer than its limit, or returns too much', async (t) => {
    const flow = defineFlow({ name: 'limits', about: '' }, ({ task }) => {
      task('slow', { timeoutMs: 100 }, () => new Promise<null>(() => undefined))
      task('large', {}, () => 'x'.repeat(1024 * 1024))
    })
    const { run } = await openHarness(t, [flow])
    const { tasks } = await run(jobOf(flow))
    assert.match(tasks[0]?.error ?? '', /time limit of 100 ms/)
    assert.match(tasks[1]?.error ?? '', /1048578 bytes of JSON, expected at most 1048576/)
  })
})

describe('a sequence', options, () => {
  it('runs each module with the facts of its run in the environment', async (t) => {
    const { run } = await openHarness(t, [])
    const job = sequenceOf([
      'echo "$BATCH_JOB $BATCH_DATE $BATCH_ATTEMPT $BATCH_PARAM_MY_KEY"',
      'echo out; echo err >&2'
    ])
    const ended = await run(job, { date: '2026-03-10', 'my-key': 'a b' })
    assert.equal(ended.run.state, 'succeeded')
    assert.equal(ended.tasks[0]?.tail, 'chain 2026-03-10 1 a b\n')
    assert.deepEqual(ended.tasks[1]?.tail.trim().split('\n').toSorted(), ['err', 'out'])
    assert.deepEqual(
      ended.tasks.map(({ exitCode }) => exitCode),
      [0, 0]
    )
  })

  it('stops at the module that fails, and runs the error handler with the facts', async (t) => {
    const { run } = await openHarness(t, [])
    const handler = 'echo "$BATCH_FAILED_TASK $BATCH_FAILED_EXIT_CODE $BATCH_FAILED_TAIL"'
    const ended = await run(sequenceOf(['true', 'echo bad news; exit 3', 'true'], handler))
    assert.equal(ended.run.state, 'failed')
    assert.equal(ended.run.error, 'step-2: exit code 3')
    assert.deepEqual(
      ended.tasks.map(({ task, state, exitCode }) => [task, state, exitCode]),
      [
        ['step-1', 'succeeded', 0],
        ['step-2', 'failed', 3],
        ['step-3', 'skipped', null],
        ['handler', 'succeeded', 0]
      ]
    )
    assert.equal(ended.tasks[3]?.tail.trim(), 'step-2 3 bad news')
  })

  it('needs no error handler when all is well, and no shell', async (t) => {
    const { run } = await openHarness(t, [])
    const job = sequenceOf(['true'], 'true')
    const plain = new Map([...job.commands, ['step-1', ['echo', '$HOME', '; exit 1']]])
    const ended = await run({ ...job, commands: plain })
    assert.equal(ended.run.state, 'succeeded')
    assert.equal(ended.tasks[0]?.tail, '$HOME ; exit 1\n')
    assert.equal(ended.tasks[1]?.state, 'skipped')
  })

  it('says so when a program is not there, and ends one that exceeds its time limit', async (t) => {
    const { run } = await openHarness(t, [])
    const job = sequenceOf(['true'])
    const none = await run({ ...job, commands: new Map([['step-1', ['/no/such/program']]]) })
    assert.equal(none.run.error, 'step-1: exit code 127')
    const slow = await run(sequenceOf(['sleep 60 & wait'], undefined, 300))
    assert.match(slow.run.error ?? '', /time limit of 300 ms/)
  })

  it('keeps the end of an output of any length', async (t) => {
    const { run } = await openHarness(t, [])
    const ended = await run(sequenceOf(['head -c 3000000 /dev/zero | tr "\\0" x; echo; echo end']))
    const tail = ended.tasks[0]?.tail ?? ''
    assert.ok(tail.length < 17_000)
    assert.match(tail, /^\[\d+ bytes before\]\nx+\nend\n$/)
  })
})
