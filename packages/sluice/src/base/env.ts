/**
 * Everything that is not determined by the program and its input comes in through `Env`.
 *
 * Owns: nothing; these are the seams. Implementations: the process (cluster/node-env.ts) and the simulator
 * (testing/sim-env.ts). Below a composition root nobody touches a clock, a timer, randomness, a disk, a socket or a thread
 * in any other way, so that a whole cluster runs in one thread from one seed.
 *
 * E1 Callbacks given to `timers`, `turns`, `network` and promises of `disk` and `network` never run inside the call that registered them.
 * E2 A cancelled timer never fires.
 * E3 `clock.wallMs` may jump; durations are measured with `clock.monotonicMs` only.
 */
import type { NetworkError } from './network-error.ts'

export interface Env {
  readonly clock: Clock
  readonly timers: Timers
  readonly turns: Turns
  readonly random: Random
  readonly disk: Disk
  readonly network: Network
  /** The world outside: absent where there is none, as in simulations. */
  readonly sockets?: Sockets
  /** Where user-visible output of `print` goes: whole lines, in order. */
  readonly stdout: LineSink
}

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00Z, an integer. Processing time. */
  wallMs(): number
  /** Milliseconds since some fixed moment, fractional, never going back. */
  monotonicMs(): number
}

export interface Timer {
  /** Idempotent. */
  cancel(): void
}

export interface Timers {
  /** Calls `fire` once, after `delayMs` (at least; 0 and below mean as soon as possible). */
  after(delayMs: number, fire: () => void): Timer
}

/** Hands the thread back so that messages, timers and disk completions get their turn. */
export interface Turns {
  /** Runs `run` soon, behind what is already waiting. */
  next(run: () => void): void
}

/** Random numbers that are repeated from a seed. */
export interface Random {
  /** Uniform integer in [0, 2^32). */
  u32(): number
  /** Uniform in [0, 1). */
  fraction(): number
}

export interface LineSink {
  writeLine(line: string): void
}

export type DiskFailureKind =
  | 'not-found'
  | 'exists'
  | 'no-space'
  | 'denied'
  | 'not-a-directory'
  | 'is-a-directory'
  | 'io'

export interface DiskEntry {
  readonly name: string
  readonly kind: 'file' | 'directory'
}

export interface DiskStat {
  readonly kind: 'file' | 'directory'
  readonly sizeBytes: number
  readonly modifiedMs: number
}

/**
 * A POSIX-like disk. All failures are `DiskError` (base/disk-error.ts). Nothing survives a power loss unless it was synced: file content
 * by `DiskFile.sync`, names (create, rename, link, remove) by `syncDirectory` of the parent.
 */
export interface Disk {
  /** Whole file. */
  read(path: string): Promise<Uint8Array>
  /** Up to `lengthBytes` from `offset`; shorter at the end of the file. */
  readRange(path: string, offset: number, lengthBytes: number): Promise<Uint8Array>
  /** `create` fails with `exists`; `truncate` creates or empties; `append` creates or continues at the end. */
  openWrite(path: string, mode: 'create' | 'truncate' | 'append'): Promise<DiskFile>
  /** Replaces an existing `to` atomically. */
  rename(from: string, to: string): Promise<void>
  /** A second name for the same file; fails with `exists`. The building block of a conditional create. */
  link(existing: string, name: string): Promise<void>
  /** Removes a file; resolves false when there was none. */
  remove(path: string): Promise<boolean>
  /** Removes a directory with all in it; fine when there is none. */
  removeTree(path: string): Promise<void>
  /** Creates it and its missing parents; fine when it exists. */
  makeDirectory(path: string): Promise<void>
  /** Entries sorted by name (UTF-16 order). */
  list(path: string): Promise<readonly DiskEntry[]>
  stat(path: string): Promise<DiskStat | undefined>
  truncate(path: string, sizeBytes: number): Promise<void>
  syncDirectory(path: string): Promise<void>
}

/** An open file for writing; calls are queued in order. */
export interface DiskFile {
  readonly path: string
  write(bytes: Uint8Array): Promise<void>
  /** Resolves when all bytes written so far are on stable storage. */
  sync(): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}

export interface NetworkAddress {
  readonly host: string
  /** 0 in `listen` means any free one. */
  readonly port: number
}

/** Frames between processes. All failures are `NetworkError` (base/network-error.ts). */
export interface Network {
  /** Resolves when connections are accepted. Fails with `address-in-use`, `denied`, `unreachable` (not an address of this machine) or `io`. */
  listen(address: NetworkAddress, onConnection: (connection: Connection) => void): Promise<Listener>
  /** Fails with `refused`, `unreachable`, `timeout`, `not-trusted` (TLS) or `io`; after `timeoutMs` at the latest. */
  connect(address: NetworkAddress, timeoutMs: number): Promise<Connection>
}

export interface Listener {
  /** With the port that was taken. */
  readonly address: NetworkAddress
  /** No more connections are accepted; those that exist stay. Idempotent. */
  close(): Promise<void>
}

/**
 * One connection: frames arrive whole, once each and in the order sent, until the connection is closed by either side or breaks. What was
 * sent before it broke may or may not have arrived. Nothing tells that the other side is there: who needs to know sends and waits.
 */
export interface Connection {
  /** `host:port` of the other side, for people. */
  readonly remote: string
  /** The bytes belong to the connection afterwards. Dropped when it is closed. `rest` follows in the same frame: a head needs no copy of it. */
  send(frame: Uint8Array, rest?: Uint8Array): void
  /** Does not wait for the end of the turn with what was sent: for frames that somebody waits for. */
  flush?(): void
  /** Bytes that were sent and not yet taken by the system: whoever sends much looks here. */
  readonly queuedBytes: number
  /**
   * Sets the one receiver, or takes it away; frames and the end that came while there was none are delivered to the next one, in a later turn.
   * Meanwhile nothing more is taken from the other side than is on its way.
   */
  receive(receiver: ConnectionReceiver | undefined): void
  /** The longest frame taken from now on; a longer one breaks the connection (`protocol`). At first 64 KiB: a handshake raises it. */
  limitFrames(bytesMax: number): void
  /** Sends what is queued, then ends; `onClosed` is not called for it. Idempotent. */
  close(): void
  /** Ends at once; what is queued is lost. `onClosed` is not called for it. Idempotent. */
  destroy(): void
}

export interface ConnectionReceiver {
  onFrame(frame: Uint8Array): void
  /** Once, as the last call: the other side closed (undefined) or it broke. Not after `close` or `destroy` of this side. */
  onClosed(error: NetworkError | undefined): void
  /** `queuedBytes` has come down to zero. */
  onDrained?(): void
}

/** What sources speak to others with: bytes over TCP, and HTTP. Not between the processes of the engine: that is `Network`. */
export interface Sockets {
  /** Fails like `Network.connect`. Nothing is read before `receive`. */
  connect(address: NetworkAddress, timeoutMs: number): Promise<ByteStream>
  /** Resolves when requests are accepted. Fails like `Network.listen`. */
  serveHttp(address: NetworkAddress, service: HttpService): Promise<Listener>
}

/** One connection of bytes, from the other side to this one. */
export interface ByteStream {
  /** Sets the one receiver and begins to read. */
  receive(receiver: ByteReceiver): void
  /** Nothing more is read than is on its way: the other side is held back by TCP. */
  pause(): void
  resume(): void
  /** Idempotent; nothing is called for it. */
  destroy(): void
}

export interface ByteReceiver {
  /** The bytes belong to the receiver. */
  onBytes(bytes: Uint8Array): void
  /** Once, as the last call: the other side ended it (undefined) or it broke. */
  onClosed(error: NetworkError | undefined): void
}

/** Answers requests; what it throws or rejects with is answered with 500. */
export interface HttpService {
  /** A longer body is answered with 413. */
  readonly bodyBytesMax: number
  /** Connections at once; more are closed. */
  readonly connectionsMax: number
  /** Until the whole request has arrived. */
  readonly requestTimeoutMs: number
  /** Asked before the body is read: an answer ends the request. */
  refuse(head: HttpHead): HttpAnswer | undefined
  answer(head: HttpHead, body: Uint8Array): Promise<HttpAnswer>
}

export interface HttpHead {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Lower-case name; undefined: there is none, or more than one. */
  header(name: string): string | undefined
}

export interface HttpAnswer {
  readonly status: number
  /** For people. */
  readonly text: string
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>
}
