/** What a TaskManager shows of itself, for whoever asks: GET /metrics as Prometheus text, GET /health as JSON, and nothing else. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { NetworkAddress } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import { addressText } from '../base/network-address.ts'
import { PROMETHEUS_CONTENT_TYPE } from '../metrics/prometheus-text.ts'

export interface MetricsServer {
  readonly address: NetworkAddress
  close(): Promise<void>
}

export interface HealthAnswer {
  /** 503: it cannot serve. */
  readonly status: 200 | 503
  readonly body: Readonly<Record<string, unknown>>
}

/** What is shown. */
export interface Sight {
  metricsText(): string
  health(): HealthAnswer
}

const HEADERS_TIMEOUT_MS = 5000

/** @throws NET1005 when the port cannot be had */
export function serveMetrics({ host, port }: NetworkAddress, sight: Sight): Promise<MetricsServer> {
  const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS }, (request, response) =>
    answer(sight, request, response),
  )
  return new Promise((resolve, reject) => {
    server.once('error', (thrown) => reject(notServed({ host, port }, thrown)))
    server.listen(port, host, () => {
      const taken = server.address()
      resolve({
        address: { host, port: typeof taken === 'object' && taken !== null ? taken.port : port },
        close: () =>
          new Promise((closed) => {
            server.close(() => closed())
            server.closeAllConnections()
          }),
      })
    })
  })
}

function answer(sight: Sight, request: IncomingMessage, response: ServerResponse): void {
  const path = request.method === 'GET' ? request.url?.split('?')[0] : undefined
  if (path === '/metrics') return send(response, 200, PROMETHEUS_CONTENT_TYPE, sight.metricsText())
  if (path === '/health') {
    const { status, body } = sight.health()
    return send(response, status, 'application/json; charset=utf-8', JSON.stringify(body))
  }
  send(response, 404, 'text/plain; charset=utf-8', 'There are GET /metrics and GET /health.\n')
}

function send(response: ServerResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(text)
}

function notServed(address: NetworkAddress, thrown: unknown): EngineError {
  return new EngineError(
    'NET1005',
    `metrics cannot be served on ${addressText(address)}: ${messageOf(thrown)}. The TaskManager was not started. Set another metrics.port, 0 for any free one, or off.`,
    { cause: thrown },
  )
}
