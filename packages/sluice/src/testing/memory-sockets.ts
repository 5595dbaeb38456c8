/** Sockets in memory: the test is the other side of every connection, and the client of every HTTP service. */
import type { ByteReceiver, HttpAnswer, HttpService, NetworkAddress, Sockets } from '../base/env.ts'
import { NetworkError } from '../base/network-error.ts'

/** A connection as its server sees it. */
export interface MemoryStream {
  readonly address: NetworkAddress
  /** What the other side does with it. */
  state: 'reading' | 'paused' | 'destroyed'
  /** Text, or bytes that need not be any. */
  send(content: string | Uint8Array): void
  /** Ends it, in order or with an error. */
  end(error?: NetworkError): void
}

export interface MemoryRequest {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export class MemorySockets implements Sockets {
  /** In order of opening. */
  readonly streams: MemoryStream[] = []
  readonly listening: NetworkAddress[] = []
  /** Whether servers accept connections. */
  isUp = true
  /** How often a connection was asked for. */
  connects = 0
  #service: HttpService | undefined

  async connect(address: NetworkAddress): ReturnType<Sockets['connect']> {
    this.connects++
    if (!this.isUp) throw new NetworkError('refused', `connect to ${address.host}:${address.port}`)
    let receiver: ByteReceiver | undefined
    const stream: MemoryStream = {
      address,
      state: 'reading',
      send: (content) => receiver?.onBytes(typeof content === 'string' ? new TextEncoder().encode(content) : content),
      end: (error) => receiver?.onClosed(error),
    }
    this.streams.push(stream)
    return {
      receive: (given) => void (receiver = given),
      pause: () => void (stream.state = 'paused'),
      resume: () => void (stream.state = 'reading'),
      destroy: () => {
        stream.state = 'destroyed'
        receiver = undefined
      },
    }
  }

  async serveHttp(address: NetworkAddress, service: HttpService): ReturnType<Sockets['serveHttp']> {
    if (!this.isUp) throw new NetworkError('address-in-use', `listen on ${address.host}:${address.port}`)
    this.#service = service
    this.listening.push(address)
    return {
      address,
      close: async () => {
        this.#service = undefined
        this.listening.splice(this.listening.indexOf(address), 1)
      },
    }
  }

  /** What a server answers; fails when nobody listens. */
  async request({ method = 'POST', path = '/', headers = {}, body = '' }: MemoryRequest): Promise<HttpAnswer> {
    const service = this.#service
    if (service === undefined) throw new NetworkError('refused', `${method} ${path}`)
    const bytes = new TextEncoder().encode(body)
    const head = { method, path, header: (name: string) => headers[name] }
    if (bytes.length > service.bodyBytesMax) return { status: 413, text: '' }
    return service.refuse(head) ?? service.answer(head, bytes)
  }
}
