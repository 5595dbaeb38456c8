/**
 * The REST API over a ClusterApi, as one function from Request to Response.
 *
 * Owns: routing, who may call, limits, the answers of a standby, requests that take longer. Does not own: the server (cluster/rest-server.ts),
 * any decision about jobs.
 *
 * H1 Nobody gets past a wrong host, origin or token, before anything else is looked at.
 * H2 A JobManager that does not lead answers nothing about jobs: it points to the leader.
 * H3 Every answer that is not the one asked for is `{"errors":[…]}`.
 */
import { Hono, type Context } from 'hono'
import type { Env } from '../base/env.ts'
import { type EngineError, type ErrorData, errorToData } from '../base/errors.ts'
import type { ClusterApi } from '../jobmanager/cluster-api.ts'
import { AsyncOperations } from './async-operations.ts'
import { Guard, type RestSecurity } from './guard.ts'
import { describeApi, isText } from './openapi.ts'
import { BYTES, type Operation, type Services } from './operation.ts'
import { OPERATIONS } from './operations/all-operations.ts'
import { RateSampler } from './rate-sampler.ts'
import { readBundle, readJson } from './request-body.ts'
import { errorAnswer } from './rest-errors.ts'
import type { ErrorBody } from './rest-types.ts'

interface RestLimits {
  /** Of a JSON body. */
  readonly bodyBytesMax: number
  /** Of a job bundle. */
  readonly artifactBytesMax: number
}

export interface RestAppOptions {
  readonly api: ClusterApi
  readonly env: Pick<Env, 'clock' | 'timers' | 'random'>
  /** Of the package. */
  readonly version: string
  readonly security?: RestSecurity
  /** Names of job parameters and options whose values are never shown, beside those that look secret. */
  readonly secretNames?: readonly string[]
  readonly limits?: Partial<RestLimits>
  /** What keeps this process from being of use, beside a missing leader; undefined: nothing. Default: nothing ever does. */
  readonly fitness?: () => Promise<EngineError | undefined>
  /** For logs. Must not throw. */
  readonly listener?: (event: RestEvent) => void
}

export type RestEvent =
  /** Somebody changed something, or tried to. */
  | { readonly kind: 'changed'; readonly operation: string; readonly path: string; readonly status: number }
  /** A bug of ours. */
  | { readonly kind: 'broke'; readonly path: string; readonly error: ErrorData }

export interface RestApp {
  readonly fetch: (request: Request) => Response | Promise<Response>
  /** Of the router; for tests. */
  readonly routes: readonly { readonly method: string; readonly path: string }[]
  /** Ends its timers. Idempotent. */
  close(): void
}

const MEBIBYTE = 1024 * 1024
const LIMITS: RestLimits = { bodyBytesMax: MEBIBYTE, artifactBytesMax: 100 * MEBIBYTE }
const PREFIXES = ['', '/v1']

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
} as const

export function createRestApp(options: RestAppOptions): RestApp {
  const app = new RestRouter(options)
  return {
    fetch: (request) => app.hono.fetch(request),
    routes: app.hono.routes.map(({ method, path }) => ({ method, path })),
    close: () => app.close(),
  }
}

class RestRouter {
  readonly hono = new Hono()
  readonly #options: RestAppOptions
  readonly #guard: Guard
  readonly #limits: RestLimits
  readonly #services: Services

  constructor(options: RestAppOptions) {
    const { api, env, version, security = {}, secretNames = [], limits, fitness = alwaysFit } = options
    this.#options = options
    this.#guard = new Guard(security)
    this.#limits = { ...LIMITS, ...limits }
    this.#services = {
      api,
      clock: env.clock,
      version,
      secretNames: new Set(secretNames),
      requests: new AsyncOperations(env),
      rates: new RateSampler(api, env),
      fitness,
      describe: () => describeApi(version),
    }
    this.#route()
  }

  close(): void {
    this.#services.rates.close()
  }

  #route(): void {
    this.hono.onError((error, context) => this.#refuse(error, context))
    this.hono.notFound((context) => this.#notFound(context))
    for (const operation of OPERATIONS) {
      const paths = PREFIXES.map((prefix) => prefix + operation.path)
      this.hono.on([operation.method], paths, (context) => this.#answer(operation, context))
    }
  }

  async #answer(operation: Operation, context: Context): Promise<Response> {
    const request = context.req.raw
    this.#guard.checkPlace(request) // H1
    this.#guard.checkCall(request, operation)
    const elsewhere = operation.where === 'here' ? undefined : this.#elsewhere(request)
    if (elsewhere !== undefined) return elsewhere
    const body = await this.#bodyOf(operation, request)
    const { status = 200 } = operation
    const call = { ids: context.req.param(), query: context.req.query(), body, services: this.#services }
    const answer = await operation.run(call)
    this.#note(operation, context, status)
    const headers = { ...HEADERS, 'content-type': isText(operation.answer) ? operation.answer.contentType : JSON_TYPE }
    return new Response(isText(operation.answer) ? String(answer) : JSON.stringify(answer), { status, headers })
  }

  #bodyOf({ body }: Operation, request: Request): Promise<unknown> | undefined {
    if (body === undefined) return undefined
    return body === BYTES
      ? readBundle(request, this.#limits.artifactBytesMax)
      : readJson(request, this.#limits.bodyBytesMax)
  }

  // H2
  #elsewhere(request: Request): Response | undefined {
    const standby = this.#options.api.notLeading()
    if (standby === undefined) return undefined
    if (standby.leaderUrl === undefined)
      return failed(503, {
        errors: [
          'this JobManager is a standby and knows of no leader just now. Nothing was done. Try again in a moment.',
        ],
        code: 'CLU1001',
      })
    const { pathname, search } = new URL(request.url)
    const location = `${standby.leaderUrl.replace(/\/+$/, '')}${pathname}${search}`
    const errors = [`this JobManager is a standby; the leader is at ${standby.leaderUrl}. Nothing was done here.`]
    return failed(307, { errors, code: 'CLU1001' }, { location })
  }

  #notFound(context: Context): Response {
    this.#guard.checkPlace(context.req.raw)
    return failed(404, {
      errors: [`there is nothing at ${context.req.method} ${context.req.path}. See GET /v1/openapi.json.`],
    })
  }

  #refuse(thrown: unknown, context: Context): Response {
    const { status, body, error } = errorAnswer(thrown)
    const path = context.req.path
    if (error.domain === 'internal') this.#options.listener?.({ kind: 'broke', path, error: errorToData(error) })
    else if (context.req.method !== 'GET')
      this.#options.listener?.({ kind: 'changed', operation: 'refused', path, status })
    return failed(status, body, status === 401 ? { 'www-authenticate': 'Bearer realm="sluice"' } : {})
  }

  #note({ method, changes, id }: Operation, context: Context, status: number): void {
    if (method === 'GET' && changes !== true) return
    this.#options.listener?.({ kind: 'changed', operation: id, path: context.req.path, status })
  }
}

const JSON_TYPE = 'application/json; charset=utf-8'

async function alwaysFit(): Promise<undefined> {}

// H3
function failed(status: number, body: ErrorBody, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { ...HEADERS, 'content-type': JSON_TYPE, ...headers } })
}
