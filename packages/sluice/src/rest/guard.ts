/**
 * Who may use the REST API.
 *
 * Q1 With a token configured, everything but `open` operations needs it; it is compared in constant time.
 * Q2 A name in the Host header that is not one of ours is refused: a page of somebody else may have made its own name point here
 *    (DNS rebinding). Addresses in numbers cannot be such a name.
 * Q3 What a browser sends for a page of another origin changes nothing here.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { EngineError } from '../base/errors.ts'
import type { Operation } from './operation.ts'

export interface RestSecurity {
  /** Undefined: no token is asked for. */
  readonly token?: string | undefined
  /** Names by which this JobManager is reached, beside localhost and addresses in numbers. */
  readonly hosts?: readonly string[]
  /** Origins of pages that may use the API, beside its own: `https://dash.example`. */
  readonly origins?: readonly string[]
}

export class Guard {
  readonly #tokenHash: Buffer | undefined
  readonly #hosts: ReadonlySet<string>
  readonly #origins: ReadonlySet<string>

  constructor({ token, hosts = [], origins = [] }: RestSecurity) {
    this.#tokenHash = token === undefined ? undefined : hashOf(token)
    this.#hosts = new Set(['localhost', ...hosts.map((host) => host.toLowerCase())])
    this.#origins = new Set(origins)
  }

  /** @throws SEC1004 */
  checkPlace(request: Request): void {
    const host = request.headers.get('host') ?? new URL(request.url).host
    if (!this.#isOurs(host)) throw foreignHost(host)
    const origin = request.headers.get('origin')
    if (origin !== null && !this.#isAllowedOrigin(origin, host)) throw foreignOrigin(origin)
  }

  /** @throws SEC1003, SEC1004 */
  checkCall(request: Request, operation: Pick<Operation, 'open' | 'method' | 'changes'>): void {
    const changes = operation.changes === true || operation.method !== 'GET'
    if (changes && this.#isOfForeignPage(request)) throw foreignOrigin('another site') // Q3
    if (operation.open === true || this.#isAuthorized(request)) return
    throw unauthorized(request.headers.has('authorization') ? 'the token of the request is not its own' : 'it got none')
  }

  /** Browsers say so even where they send no Origin. */
  #isOfForeignPage({ headers }: Request): boolean {
    const site = headers.get('sec-fetch-site')
    return site !== null && site !== 'same-origin' && site !== 'none' && !this.#origins.has(headers.get('origin') ?? '')
  }

  // Q2
  #isOurs(host: string): boolean {
    if (!URL.canParse(`http://${host}`)) return false
    const { hostname } = new URL(`http://${host}`)
    return hostname.startsWith('[') || /^\d+\.\d+\.\d+\.\d+$/.test(hostname) || this.#hosts.has(hostname.toLowerCase())
  }

  #isAllowedOrigin(origin: string, host: string): boolean {
    if (this.#origins.has(origin)) return true
    return URL.canParse(origin) && new URL(origin).host === new URL(`http://${host}`).host
  }

  // Q1
  #isAuthorized(request: Request): boolean {
    if (this.#tokenHash === undefined) return true
    const given = /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1] ?? ''
    return timingSafeEqual(hashOf(given), this.#tokenHash)
  }
}

/** Of one length, whatever was given. */
function hashOf(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}

function unauthorized(why: string): EngineError {
  return new EngineError(
    'SEC1003',
    `this REST API needs the token of its JobManager, and ${why}. Nothing was done. Send it as "Authorization: Bearer TOKEN".`,
  )
}

function foreignHost(host: string): EngineError {
  return new EngineError(
    'SEC1004',
    `the request asks for the host ${JSON.stringify(host)}, which is not a name of this JobManager. It was refused, because a foreign page could have sent it. ` +
      'Use localhost or the address in numbers, or start the JobManager with this name as its rest.host.',
  )
}

function foreignOrigin(origin: string): EngineError {
  return new EngineError(
    'SEC1004',
    `the request comes from a page of ${origin}. It was refused: pages of other origins may not use this REST API. Open the page of this JobManager itself.`,
  )
}
