import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { supervise, type Running } from '@tapedeck/stack/testing'

interface Life extends Running {
  readonly pid: number
  end(how: string, code?: number): void
}

function life(pid: number): Life {
  const exit = Promise.withResolvers<{ code: number | null; how: string }>()
  return {
    pid,
    exited: exit.promise,
    end: (how, code = 1) => exit.resolve({ code, how }),
    stop: () => {
      exit.resolve({ code: 0, how: 'exit code 0' })
      return Promise.resolve()
    }
  }
}

/** A progress whose lines can be waited for. */
function listener(): {
  lines: string[]
  progress: { say(text: string): void; warn(text: string): void }
  line(pattern: RegExp): Promise<void>
} {
  const lines: string[] = []
  const waiting: { pattern: RegExp; resolve: () => void }[] = []
  const take = (text: string): void => {
    lines.push(text)
    for (const { pattern, resolve } of waiting) if (pattern.test(text)) resolve()
  }
  return {
    lines,
    progress: { say: take, warn: take },
    line: (pattern) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      if (lines.some((one) => pattern.test(one))) resolve()
      else waiting.push({ pattern, resolve })
      return promise
    }
  }
}

describe('supervise()', { timeout: 20_000 }, () => {
  it('stops what never exits: a server of the user', async () => {
    const yours: Running = {
      pid: undefined,
      exited: new Promise<never>(() => undefined),
      stop: () => Promise.resolve()
    }
    const again = (): Promise<Running> => Promise.reject(new Error('it never ended'))
    await supervise('Kafka', yours, { again, progress: listener().progress }).stop(1000)
  })

  it('starts an ended process again, and reports both', async () => {
    const lives = [life(1), life(2)]
    const { progress, line } = listener()
    const kept = supervise('The api', lives[0]!, {
      again: () => Promise.resolve(lives[1]!),
      progress
    })
    lives[0]!.end('SIGKILL')
    await line(/^The api ended with SIGKILL; starting it again in \d\.\d s$/)
    await line(/^The api runs again \(pid 2\)$/)
    assert.equal(kept.current().pid, 2)
    await kept.stop(1000)
  })

  it('tries again when a start fails, with the reason', async () => {
    const first = life(1)
    let tries = 0
    const { progress, line } = listener()
    const kept = supervise('Kafka', first, {
      again: () =>
        ++tries === 1 ? Promise.reject(new Error('no port')) : Promise.resolve(life(3)),
      progress
    })
    first.end('exit code 1')
    await line(/^no port; starting it again/)
    await line(/^Kafka runs again \(pid 3\)$/)
    await kept.stop(1000)
  })

  it('says once that something keeps ending, and once that it is over', async () => {
    const lives = Array.from({ length: 5 }, (_, index) => life(index + 1))
    let started = 0
    const { progress, lines, line } = listener()
    const kept = supervise('Kafka', lives[0]!, {
      again: () => {
        const next = lives[++started]!
        if (started < 4) queueMicrotask(() => next.end('exit code 1'))
        return Promise.resolve(next)
      },
      progress,
      healthyMs: 50
    })
    lives[0]!.end('exit code 1')
    await line(/^Kafka runs again \(pid 5\)$/)
    assert.deepEqual(
      lines.map((text) => text.replace(/in [\d.]+ s$/, 'in a moment')),
      [
        'Kafka ended with exit code 1; starting it again in a moment',
        'Kafka runs again (pid 2)',
        'Kafka keeps ending; it is started again every 15 s or sooner',
        'Kafka runs again (pid 5)'
      ]
    )
    await kept.stop(1000)
  })

  it('does not start a stopped process again', async () => {
    const { progress, lines } = listener()
    const kept = supervise('Kafka', life(1), {
      again: () => Promise.reject(new Error('must not be called')),
      progress
    })
    await kept.stop(1000)
    assert.deepEqual(lines, [])
  })

  it('stops while it waits to start again', async () => {
    const first = life(1)
    const { progress, line } = listener()
    const kept = supervise('Kafka', first, {
      again: () => Promise.reject(new Error('never up')),
      progress
    })
    first.end('exit code 1')
    await line(/starting it again/)
    await kept.stop(1000)
  })

  it('reports an exit that a restart cannot fix', async () => {
    const first = life(1)
    const final = Promise.withResolvers<Error>()
    const { progress } = listener()
    supervise('The producer', first, {
      again: () => Promise.reject(new Error('must not be called')),
      progress,
      isFinal: ({ code }) => code === 2,
      onFinal: final.resolve
    })
    first.end('exit code 2', 2)
    assert.equal((await final.promise).message, 'The producer ended with exit code 2')
  })
})
