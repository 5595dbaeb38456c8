/** What a JobManager process and a TaskManager process have in common. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Network } from '../base/env.ts'
import type { EngineError } from '../base/errors.ts'
import type { ReadyFacts } from './cluster-files.ts'
import { createNodeNetwork, type TlsOptions } from './node-network.ts'
import type { TlsFiles } from './process-security.ts'

/** A process that serves. */
export interface RunningProcess {
  readonly ready: ReadyFacts
  /** Ends in good order. Idempotent. */
  stop(): Promise<void>
}

/** What the process is told by its parts. */
export interface ProcessListener {
  /** It cannot go on and has to end. */
  onFatal(error: EngineError): void
}

const RANDOM_BYTES = 4

/** Unique for ever: a restarted process is another one. */
export function uniqueId(name: string | undefined): string {
  return `${name ?? hostname()}-${process.pid}-${randomBytes(RANDOM_BYTES).toString('hex')}`
}

/** Every address of this machine. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** How others reach a process that listens on this address: a wildcard is no place. */
export function advertisedHost(host: string): string {
  return isWildcard(host) ? hostname() : host
}

export function networkOf(tls: TlsFiles | undefined): Network {
  const options = tlsOptionsOf(tls)
  return createNodeNetwork(options === undefined ? {} : { tls: options })
}

export function tlsOptionsOf(tls: TlsFiles | undefined): TlsOptions | undefined {
  if (tls === undefined) return undefined
  const { cert, key, ca } = tls
  return { cert, key, ...(ca === undefined ? {} : { ca }), clients: ca === undefined ? 'any' : 'trusted' }
}
