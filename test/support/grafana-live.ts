import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

interface Push {
  readonly path: string | undefined
  readonly authorization: string | undefined
  readonly lines: readonly string[]
}

/** In the place of Grafana Live: it keeps what is pushed while `status` is 200, and answers with `status`. */
export async function grafanaLive(t: TestContext) {
  const pushes: Push[] = []
  const grafana = { status: 200, pushes, address: '' }
  const http = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (piece: string) => (body += piece))
    request.on('end', () => {
      const { url: path, headers } = request
      if (grafana.status === 200) {
        pushes.push({ path, authorization: headers.authorization, lines: body.split('\n') })
      }
      const moved = grafana.status === 302 ? { location: 'http://127.0.0.1:1/' } : {}
      response.writeHead(grafana.status, moved).end('said by Grafana')
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.after(() => http.close())
  grafana.address = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  return grafana
}
