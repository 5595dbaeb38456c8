/**
 * Bytes over TCP and an HTTP server, for sources that speak to others.
 *
 * Owns: sockets, limits of time and size. Does not own: what requests mean.
 *
 * H1 Headers, bodies, connections and the time of a request are limited.
 * H2 A service that throws answers 500 and goes on.
 * H3 Bodies that are on their way to one server have at most BODIES_BYTES_MAX bytes together, or one of them what it may: strangers do not fill the memory.
 */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import { type Socket, connect as connectTcp } from 'node:net'
import type {
  ByteReceiver,
  ByteStream,
  HttpAnswer,
  HttpHead,
  HttpService,
  Listener,
  NetworkAddress,
  Sockets,
} from '../base/env.ts'
import { addressText } from '../base/network-address.ts'
import { NetworkError } from '../base/network-error.ts'
import { networkError } from './network-failures.ts'

// H1
const HEADER_BYTES_MAX = 16 * 1024
const HEADERS_TIMEOUT_MS = 10_000
const KEEP_ALIVE_MS = 5000
/** How often Node looks for requests whose time is over. */
const LOOK_INTERVAL_MS = 2000
const SOCKET_KEEP_ALIVE_MS = 10_000
// H3
const BODIES_BYTES_MAX = 64 * 1024 * 1024

export const nodeSockets: Sockets = { connect, serveHttp }

function connect(address: NetworkAddress, timeoutMs: number): Promise<ByteStream> {
  const what = `connect to ${addressText(address)}`
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ ...address, keepAlive: true, keepAliveInitialDelay: SOCKET_KEEP_ALIVE_MS })
    const fail = (error: NetworkError): void => {
      clearTimeout(limit)
      socket.destroy()
      reject(error)
    }
    const limit = setTimeout(() => fail(new NetworkError('timeout', what)), timeoutMs)
    const onError = (error: Error): void => fail(networkError(what, error))
    socket.on('error', onError)
    socket.once('connect', () => {
      clearTimeout(limit)
      socket.off('error', onError)
      resolve(new SocketStream(socket))
    })
  })
}

class SocketStream implements ByteStream {
  readonly #socket: Socket
  readonly #remote: string
  #receiver: ByteReceiver | undefined
  #failure: unknown

  /** The socket is connected. */
  constructor(socket: Socket) {
    this.#socket = socket
    this.#remote = `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`
    socket.pause()
    socket.on('error', (error) => void (this.#failure ??= error)) // told by `close`, which follows
  }

  receive(receiver: ByteReceiver): void {
    this.#receiver = receiver
    this.#socket.on('data', (chunk: Buffer) => this.#receiver?.onBytes(chunk))
    this.#socket.on('close', () => this.#onClose())
    this.#socket.resume()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  destroy(): void {
    this.#receiver = undefined
    this.#socket.destroy()
  }

  #onClose(): void {
    const what = `the connection to ${this.#remote}`
    this.#receiver?.onClosed(this.#failure === undefined ? undefined : networkError(what, this.#failure))
  }
}

function serveHttp(address: NetworkAddress, service: HttpService): Promise<Listener> {
  const limits = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: Math.min(HEADERS_TIMEOUT_MS, service.requestTimeoutMs),
    requestTimeout: service.requestTimeoutMs,
    connectionsCheckingInterval: LOOK_INTERVAL_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  }
  const bodies = new Bodies(service.bodyBytesMax)
  const server = createServer(limits, (incoming, outgoing) => void serve({ service, bodies }, incoming, outgoing))
  server.maxConnections = service.connectionsMax
  const what = `listen on ${addressText(address)}`
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(networkError(what, error)))
    server.listen(address.port, address.host, () => {
      server.on('error', () => {}) // of accepting one connection, such as too many open files: the client sees it
      resolve(listenerOf(server, address.host))
    })
  })
}

function listenerOf(server: Server, host: string): Listener {
  const taken = server.address()
  return {
    address: { host, port: typeof taken === 'object' && taken !== null ? taken.port : 0 },
    /** What was answered in this turn still leaves; connections that wait for more requests are ended. */
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
        setImmediate(() => server.closeAllConnections())
      }),
  }
}

interface Serving {
  readonly service: HttpService
  readonly bodies: Bodies
}

async function serve({ service, bodies }: Serving, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  try {
    const head = headOf(incoming)
    const body = service.refuse(head) ?? (await bodies.read(incoming))
    if (body instanceof Uint8Array) send(outgoing, await service.answer(head, body), 'body-read')
    else send(outgoing, body, 'body-unread')
  } catch {
    // H2. A client that went away while it sent gets nothing of it.
    send(outgoing, BROKEN, 'body-unread')
  }
}

function headOf({ method = '', url = '', headersDistinct }: IncomingMessage): HttpHead {
  const query = url.indexOf('?')
  return {
    method,
    path: query < 0 ? url : url.slice(0, query),
    header: (name) => {
      const values = headersDistinct[name]
      return values?.length === 1 ? values[0] : undefined
    },
  }
}

// H3
class Bodies {
  readonly #bytesMax: number
  /** Of all that are being read. */
  #bytes = 0

  /** `bytesMax`: of one. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** The body, or why it was not read to its end. */
  async read(incoming: IncomingMessage): Promise<Uint8Array | HttpAnswer> {
    if (Number(incoming.headers['content-length'] ?? 0) > this.#bytesMax) return TOO_LARGE
    const chunks: Uint8Array[] = []
    let bytes = 0
    try {
      for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
        const part: Uint8Array = chunk
        bytes += part.length
        this.#bytes += part.length
        if (bytes > this.#bytesMax) return TOO_LARGE
        if (this.#bytes > BODIES_BYTES_MAX && this.#bytes > bytes) return NO_ROOM
        chunks.push(part)
      }
    } finally {
      this.#bytes -= bytes
    }
    return Buffer.concat(chunks)
  }
}

const TOO_LARGE: HttpAnswer = { status: 413, text: 'The body is too large.\n' }
const NO_ROOM: HttpAnswer = { status: 503, text: 'Send it again later.\n', headers: { 'retry-after': '1' } }
const BROKEN: HttpAnswer = { status: 500, text: 'The request could not be handled.\n' }

/** A connection of which the body was not read cannot take another request. */
function send(
  outgoing: ServerResponse,
  { status, text, headers }: HttpAnswer,
  body: 'body-read' | 'body-unread',
): void {
  if (outgoing.headersSent || outgoing.destroyed) return
  const close = body === 'body-unread' ? { connection: 'close' } : {}
  outgoing.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    ...headers,
    ...close,
  })
  outgoing.end(text)
}
