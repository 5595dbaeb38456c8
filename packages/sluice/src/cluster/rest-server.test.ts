import { createServer, type Server } from 'node:net'
import { request } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { exampleCluster } from '../../test/example-cluster.ts'
import { createRestApp } from '../rest/app.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { type RestServerOptions, startRestServer } from './rest-server.ts'

const HERE: RestServerOptions = { host: '127.0.0.1', port: 0, access: 'open' }

async function serve(options: Partial<RestServerOptions> = {}) {
  const app = createRestApp({ api: exampleCluster(), env: createManualEnv(), version: '0.1.0' })
  const server = await startRestServer(app, { ...HERE, ...options })
  onTestFinished(async () => {
    app.close()
    await server.close()
  })
  return server
}

/** By Node's own client, which sends the Host header as it is told. */
function statusOf(url: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

async function takenPort(): Promise<number> {
  const server: Server = createServer()
  onTestFinished(() => void server.close())
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}

describe('the REST server', () => {
  test('serves the API over HTTP', async () => {
    const { url } = await serve()
    const response = await fetch(`${url}/v1/overview`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ 'slots-total': 2 })
  })

  test('takes a bundle of several megabytes and refuses a JSON body above the limit', async () => {
    const { url } = await serve()
    const uploaded = await fetch(`${url}/artifacts`, { method: 'POST', body: new Uint8Array(5_000_000) })
    expect(await uploaded.json()).toMatchObject({ size: 5_000_000 })
    const headers = { 'content-type': 'application/json' }
    const refused = await fetch(`${url}/jobs`, {
      method: 'POST',
      headers,
      body: `{"artifact":"${'a'.repeat(2_000_000)}"}`,
    })
    expect(refused.status).toBe(413)
  })

  test('refuses foreign host names and headers above the limit', async () => {
    const { url } = await serve()
    expect(await statusOf(`${url}/overview`, { host: 'evil.example' })).toBe(403)
    expect(await statusOf(`${url}/overview`, { 'x-long': 'x'.repeat(20_000) })).toBe(431)
  })

  test('listens beyond this machine only with a token or mutual TLS (SEC1002)', async () => {
    await expect(serve({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'SEC1002' })
    const { url } = await serve({ host: '0.0.0.0', access: 'token' })
    expect(url).toMatch(/^http:\/\/localhost:\d+$/)
  })

  test('says that the port is taken (NET1005)', async () => {
    const port = await takenPort()
    await expect(serve({ port })).rejects.toMatchObject({
      code: 'NET1005',
      message: expect.stringMatching(new RegExp(`127.0.0.1:${port}: another process uses this port.*--rest-port`)),
    })
  })

  test('gives the port back when it is closed', async () => {
    const first = await serve()
    await first.close()
    await first.close()
    await expect(serve({ port: first.port })).resolves.toMatchObject({ port: first.port })
  })
})
