import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { aClient, aSimulator, aTapeFile, handshakeStatus, until } from './feed-client.ts'

const options = { timeout: 60_000 }

interface State {
  readonly problems?: readonly string[]
  readonly connections: readonly { readonly number: number; readonly symbols: readonly string[] }[]
  readonly scenario: { readonly name: string; readonly stepsDone: number } | null
}

async function post(url: string, body: unknown): Promise<{ status: number; state: State }> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body)
  })
  return { status: answer.status, state: (await answer.json()) as State }
}

describe('the control endpoint of the simulator', () => {
  it('performs one fault or several, and lists the connections', options, async (t) => {
    const { url, controlUrl } = await aSimulator(t)
    const client = await aClient(t, url)
    client.subscribe('AAPL', 'MSFT')
    await until('it is subscribed', async () => {
      const state = (await (await fetch(controlUrl)).json()) as State
      return state.connections[0]?.symbols.length === 2
    })
    const closed = once(client.socket, 'close')
    const { status, state } = await post(controlUrl, [
      { do: 'refuse', status: 524, times: 1 },
      { do: 'close', code: 1011 }
    ])
    assert.equal(status, 200)
    assert.equal((state as unknown as { refusing: number }).refusing, 524)
    assert.equal(((await closed) as [number])[0], 1011)
    assert.equal(await handshakeStatus(`${url}?token=any`), 524)
    assert.equal(await handshakeStatus(`${url}?token=any`), 101)
  })

  it('continues a scenario at a signal, and begins another', options, async (t) => {
    const steps = [{ when: { signal: 'go' }, do: 'cut' }]
    const file = aTapeFile(t, JSON.stringify({ name: 'mine', steps }))
    const { url, controlUrl } = await aSimulator(t, { SIMULATOR_SCENARIO: file })
    const client = await aClient(t, url)
    await post(controlUrl, { signal: 'another' })
    const closed = once(client.socket, 'close')
    const { state } = await post(controlUrl, { signal: 'go' })
    assert.deepEqual(
      { name: state.scenario?.name, stepsDone: state.scenario?.stepsDone },
      { name: 'mine', stepsDone: 1 }
    )
    await closed
    const second = await post(controlUrl, { scenario: 'half-open' })
    assert.equal(second.state.scenario?.name, 'half-open')
    const third = await post(controlUrl, { scenario: { steps: [{ do: 'accept' }] } })
    assert.deepEqual(
      { status: third.status, stepsDone: third.state.scenario?.stepsDone },
      { status: 200, stepsDone: 1 }
    )
  })

  it('performs nothing of a request with a mistake, and names all mistakes', options, async (t) => {
    const { url, controlUrl } = await aSimulator(t)
    const client = await aClient(t, url)
    for (const [body, problem] of [
      [[{ do: 'cut' }, { do: 'explode' }], /fault 2: do is "explode"/],
      [{ do: 'refuse', status: 99 }, /status is 99/],
      [{ signal: 7 }, /signal is 7/],
      [{ scenario: 'nonsense' }, /'nonsense'/],
      [{ scenario: { steps: [{ do: 'x' }, { do: 'y' }] } }, /step 1[^]*step 2/],
      ['7', /found 7, expected a fault/],
      ['{', /JSON/]
    ] as const) {
      const { status, state } = await post(controlUrl, body)
      assert.equal(status, 400)
      assert.match(state.problems?.join('\n') ?? '', problem)
    }
    assert.equal(client.socket.readyState, client.socket.OPEN)
  })

  it('accepts only JSON by POST', options, async (t) => {
    const { url, controlUrl } = await aSimulator(t)
    const plain = await fetch(controlUrl, { method: 'POST', body: '{"do":"cut"}' })
    assert.equal(plain.status, 415)
    assert.equal((await fetch(controlUrl, { method: 'DELETE' })).status, 405)
    assert.equal((await fetch(url.replace('ws', 'http'))).status, 426)
    const tooLong = await post(controlUrl, { do: 'send', text: 'x'.repeat(1_100_000) })
    assert.equal(tooLong.status, 400)
  })
})
