/**
 * The HTTP server in front of the REST API.
 *
 * V1 Beyond this machine nobody is served without a token or mutual TLS.
 * V2 Headers, connections and the time of a request are limited.
 */
import { type RequestListener, type Server, createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { getRequestListener } from '@hono/node-server'
import { EngineError, messageOf } from '../base/errors.ts'
import { addressText, urlHost } from '../base/network-address.ts'
import type { RestApp } from '../rest/app.ts'
import { errnoOf } from './disk-failures.ts'
import { isWildcard } from './process-parts.ts'
import { isLoopback } from './process-security.ts'

interface RestTls {
  /** PEM. */
  readonly cert: string | Uint8Array
  readonly key: string | Uint8Array
  /** With it clients need a certificate of this authority: mutual TLS. */
  readonly ca?: string | Uint8Array
}

export interface RestServerOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Whether the app asks for a token. */
  readonly access: 'token' | 'open'
  readonly tls?: RestTls
}

export interface RestServer {
  /** Without a slash at the end, with the port that was taken. */
  readonly url: string
  readonly port: number
  /** Ends connections too. Idempotent. */
  close(): Promise<void>
}

// V2
const HEADER_BYTES_MAX = 16 * 1024
const HEADERS_TIMEOUT_MS = 10_000
/** How often Node looks for requests whose time is over. Its own value of 30 s would let slow headers keep all connections for so long. */
const LOOK_INTERVAL_MS = 2000
/** Long enough for the upload of a bundle over a slow line. */
const REQUEST_TIMEOUT_MS = 120_000
const KEEP_ALIVE_MS = 5000
const CONNECTIONS_MAX = 512

const LIMITS = {
  maxHeaderSize: HEADER_BYTES_MAX,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  connectionsCheckingInterval: LOOK_INTERVAL_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
}

/** @throws SEC1002 before anything is opened, NET1005 when the address cannot be used */
export async function startRestServer(app: Pick<RestApp, 'fetch'>, options: RestServerOptions): Promise<RestServer> {
  checkAccess(options)
  const server = serverOf(app, options)
  server.maxConnections = CONNECTIONS_MAX
  const port = await listen(server, options)
  const scheme = options.tls === undefined ? 'http' : 'https'
  return {
    url: `${scheme}://${urlHost(isWildcard(options.host) ? 'localhost' : options.host)}:${port}`,
    port,
    close: () => closed(server),
  }
}

function serverOf({ fetch }: Pick<RestApp, 'fetch'>, { tls }: RestServerOptions): Server {
  const answer = getRequestListener((request) => fetch(request), { overrideGlobalObjects: false })
  const listener: RequestListener = (incoming, outgoing) => void answer(incoming, outgoing)
  if (tls === undefined) return createHttp(LIMITS, listener)
  const { cert, key, ca } = tls
  const pem = { cert: Buffer.from(cert), key: Buffer.from(key), minVersion: 'TLSv1.2' as const }
  const mutual = ca === undefined ? {} : { ca: Buffer.from(ca), requestCert: true, rejectUnauthorized: true }
  return createHttps({ ...LIMITS, ...pem, ...mutual }, listener)
}

// V1
function checkAccess({ host, access, tls }: RestServerOptions): void {
  if (isLoopback(host) || access === 'token' || tls?.ca !== undefined) return
  throw new EngineError(
    'SEC1002',
    `the REST API was to listen on ${host}, where other machines reach it, without a token. Nothing was started: anybody could run code here. ` +
      'Set SLUICE_TOKEN or --token-file, or use mutual TLS (--tls-cert, --tls-key and --tls-ca), or listen on 127.0.0.1.',
  )
}

function listen(server: Server, { host, port }: RestServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (thrown) => reject(cannotListen(thrown, host, port)))
    server.listen(port, host, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function cannotListen(thrown: unknown, host: string, port: number): EngineError {
  const why = errnoOf(thrown) === 'EADDRINUSE' ? 'another process uses this port' : messageOf(thrown)
  return new EngineError(
    'NET1005',
    `the REST API cannot listen on ${addressText({ host, port })}: ${why}. Nothing was started. Give another address with --rest-host and --rest-port (0 takes any free port), or end the process that has this one.`,
    { cause: thrown },
  )
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
