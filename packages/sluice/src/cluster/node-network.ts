/**
 * The network of this process: TCP, or TLS where keys are given.
 *
 * Owns: opening and accepting, time limits, what the system's errors are called. Does not own: open connections (socket-connection.ts),
 * who the other side is (control/handshake.ts; with TLS and `clients: 'trusted'` also its certificate).
 */
import type { Socket } from 'node:net'
import { type Server, connect as connectTcp, createServer as createTcpServer } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import type { Connection, Listener, Network, NetworkAddress } from '../base/env.ts'
import { addressText } from '../base/network-address.ts'
import { NetworkError } from '../base/network-error.ts'
import { networkError } from './network-failures.ts'
import { SocketConnection } from './socket-connection.ts'

export interface TlsOptions {
  /** PEM. Shown to the other side, by servers and by clients. */
  readonly cert: string
  /** PEM. */
  readonly key: string
  /** PEM of the authorities that certificates of others have to come from. Default: those of Node. */
  readonly ca?: string
  /** `trusted`: clients have to show a certificate of `ca`. */
  readonly clients: 'any' | 'trusted'
}

export interface NodeNetworkOptions {
  readonly tls?: TlsOptions
  /** Of one port that is listened on. Default: 4096. */
  readonly connectionsMax?: number
}

/** The system asks a silent connection after this time whether the other side is there. Heartbeats find it out much earlier. */
const KEEP_ALIVE_MS = 10_000
/**
 * Connections of one port, whoever they are; more are closed at once. Those of strangers end within seconds (control/handshake.ts), but until
 * then each takes a file descriptor, and a process without any cannot write checkpoints.
 */
const CONNECTIONS_MAX = 4096
/** TLS clients that have not finished their part by then are dropped. */
const TLS_HANDSHAKE_MS = 5_000
const SOCKET = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS } as const

export function createNodeNetwork({ tls, connectionsMax = CONNECTIONS_MAX }: NodeNetworkOptions = {}): Network {
  return {
    listen: (address, onConnection) => listen(address, createServer(tls, onConnection), connectionsMax),
    connect: (address, timeoutMs) =>
      connect(() => open(address, tls), address, {
        timeoutMs,
        readyEvent: tls === undefined ? 'connect' : 'secureConnect',
      }),
  }
}

function createServer(tls: TlsOptions | undefined, onConnection: (connection: Connection) => void): Server {
  const onSocket = (socket: Socket): void => onConnection(new SocketConnection(socket))
  if (tls === undefined) return createTcpServer(SOCKET, onSocket)
  const requestCert = tls.clients === 'trusted'
  const server = createTlsServer(
    { ...SOCKET, ...identityOf(tls), requestCert, rejectUnauthorized: requestCert, handshakeTimeout: TLS_HANDSHAKE_MS },
    onSocket,
  )
  server.on('tlsClientError', () => {}) // a stranger: its socket is closed by Node, and the client is told
  return server
}

function identityOf({ cert, key, ca }: TlsOptions) {
  return { cert, key, minVersion: 'TLSv1.3', ...(ca === undefined ? {} : { ca }) } as const
}

function listen(address: NetworkAddress, server: Server, connectionsMax: number): Promise<Listener> {
  const what = `listen on ${addressText(address)}`
  server.maxConnections = connectionsMax
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
  const port = typeof taken === 'object' && taken !== null ? taken.port : 0
  return {
    address: { host, port },
    // The server itself ends only with its last connection: nobody waits for that.
    close: async () => void server.close(),
  }
}

function open({ host, port }: NetworkAddress, tls: TlsOptions | undefined): Socket {
  if (tls === undefined) return connectTcp({ host, port, ...SOCKET })
  return connectTls({ host, port, ...SOCKET, ...identityOf(tls) })
}

interface Opening {
  readonly timeoutMs: number
  readonly readyEvent: 'connect' | 'secureConnect'
}

function connect(
  openSocket: () => Socket,
  address: NetworkAddress,
  { timeoutMs, readyEvent }: Opening,
): Promise<Connection> {
  const what = `connect to ${addressText(address)}`
  return new Promise((resolve, reject) => {
    const socket = openSocket()
    const fail = (error: NetworkError): void => {
      clearTimeout(limit)
      socket.destroy()
      reject(error)
    }
    const limit = setTimeout(() => fail(new NetworkError('timeout', what)), timeoutMs)
    const onError = (error: Error): void => fail(networkError(what, error))
    const onClose = (): void => fail(new NetworkError('reset', what))
    socket.on('error', onError)
    socket.once('close', onClose)
    socket.once(readyEvent, () => {
      clearTimeout(limit)
      socket.off('error', onError).off('close', onClose)
      resolve(new SocketConnection(socket))
    })
  })
}
