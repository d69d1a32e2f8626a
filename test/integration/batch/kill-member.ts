/** A worker or a beat of the kill test, as a process: `kill-member.ts worker|beat`. It logs to standard output. */
import { setTimeout as sleep } from 'node:timers/promises'
import { fullJitter, retry } from '@tapedeck/core'
import { openDatabase, translated } from '@tapedeck/mongo'
import { createLogger } from '@tapedeck/service'
import { readConfig, sharedQueues, startBeat, startWorker } from '@tapedeck/batch/testing'
import { gridFlow, type Begun } from './grid-flow.ts'

const [kind = ''] = process.argv.slice(2)
const config = readConfig(process.env)
const log = createLogger(kind, 'info')
const delayMs = fullJitter({ baseMs: 50, capMs: 500 })
const database = await retry(() => openDatabase(config.mongo), { delayMs })
const begun = database.db.collection<Begun>('begun')

const flow = gridFlow(async ({ task, run, attempt, signal, workMs, isFailing }) => {
  // What the task does to the world. A repeated write of the same attempt changes nothing.
  const _id = `${run}/${task}#${attempt}`
  const note = { $set: { task: `${run}/${task}`, attempt }, $addToSet: { by: process.pid } }
  await retry(
    () => translated('Cannot note', () => begun.updateOne({ _id }, note, { upsert: true })),
    { delayMs, signal }
  )
  await sleep(workMs, undefined, { signal })
  if (isFailing) throw new Error('fails the first time')
})
const flows = new Map([[flow.name, flow]])
const queues = sharedQueues(flows)
if (kind === 'worker') {
  await retry(() => startWorker({ database, config, queues, flows, log }), { delayMs })
} else await retry(() => startBeat({ database, config, log }), { delayMs })
