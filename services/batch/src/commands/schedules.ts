import { commandLine, runCommand, table } from '@tapedeck/core'
import { nextOccurrences } from '@tapedeck/domain'
import { readAskedSchedules, readBatchDir } from '../config.ts'
import { loadSchedules, runningSchedules } from '../schedules.ts'
import type { SubCommand } from '../sub-command.ts'

const SHOWN = 5
const MOST_SHOWN = 100

const line = commandLine({
  name: 'batch',
  purpose: 'Shows when each schedule fires next, in its own time zone.',
  forms: ['-- schedules [--count N]'],
  options: { count: ['text', 'N', `the next N times of each (${SHOWN})`] },
  settings: {
    BATCH_DIR: 'folder of schedules.json',
    BATCH_SCHEDULES: 'optional schedules that run'
  },
  exits: ['done', 'failed', 'wrong arguments, or a mistake in schedules.json'],
  example: '-- schedules',
  read: (given) => given.whole('count', 1, MOST_SHOWN) ?? SHOWN
})

/** `npm run batch -- schedules`. */
export const schedules: SubCommand = {
  about: 'show when each schedule fires next',
  run: (env) =>
    runCommand({
      ...line,
      async run(count, { write }) {
        const nowMs = Date.now()
        const all = await loadSchedules(readBatchDir(env), nowMs)
        const running = runningSchedules(all, readAskedSchedules(env))
        const rows = all.map((schedule) => {
          const { name, job, text, misfire } = schedule
          if (!running.includes(schedule)) {
            return [[name, job, text, misfire, `off: BATCH_SCHEDULES=${name} starts it`]]
          }
          const [first = '', ...others] = nextOccurrences(schedule, nowMs, count).map((ms) =>
            zonedText(ms, schedule.zone)
          )
          return [[name, job, text, misfire, first], ...others.map((at) => ['', '', '', '', at])]
        })
        const head = ['schedule', 'job', 'rule', 'misfire', 'next']
        write(rows.length === 0 ? 'no schedules\n' : table([head, ...rows.flat()]))
        return 0
      }
    })
}

/** A moment in a zone, such as Wed 2026-12-09 02:00:00 EST. */
function zonedText(ms: number, timeZone: string): string {
  const weekday = new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short' }).format(ms)
  // Swedes write dates as ISO does.
  const form = { timeZone, dateStyle: 'short', timeStyle: 'medium' } as const
  const zone = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'short' })
    .formatToParts(ms)
    .find(({ type }) => type === 'timeZoneName')
  return `${weekday} ${new Intl.DateTimeFormat('sv-SE', form).format(ms)} ${zone?.value ?? timeZone}`
}
