/**
 * A client of the REST API over the global `fetch`.
 *
 * Owns: nothing that lives longer than a call. Every call ends after `timeoutMs` at the latest; every failure is an EngineError.
 *
 * C1 A redirect of a standby is followed once, by this client itself: `fetch` would drop the token.
 * C2 The token is never sent over plain HTTP to where HTTPS was asked for.
 * C3 What comes back is checked against the schema of the API before it is used.
 */
import { type ErrorCode, isErrorCode } from '../base/error-codes.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import type { CheckpointOutcome, CheckpointsBody, SavepointOutcome } from '../rest/checkpoint-types.ts'
import type {
  ArtifactBody,
  ClusterOverviewBody,
  ExceptionsBody,
  HealthBody,
  JobDetails,
  JobsOverviewBody,
  SubmitBody,
  TaskManagersBody,
} from '../rest/rest-types.ts'
import { checkpointOutcome, checkpoints, savepointOutcome, triggered } from '../rest/schemas/checkpoint-schemas.ts'
import { artifact, clusterOverview, errorBody, health, taskManagers } from '../rest/schemas/cluster-schemas.ts'
import { exceptions, jobDetails, jobsOverview, submitted } from '../rest/schemas/job-schemas.ts'

export interface RemoteClientOptions {
  /** `http://host:port`, with or without a path in front of the API. */
  readonly url: string
  readonly token?: string | undefined
  /** Of one call. Default 10 s. */
  readonly timeoutMs?: number
  /** Default: the global one. */
  readonly fetch?: typeof fetch
}

/** What a schema is needed for here. */
interface Schema<T> {
  safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false }
}

interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'PUT'
  readonly json?: object
  readonly bytes?: Uint8Array
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 10_000
/** Of the upload of a bundle. */
const UPLOAD_TIMEOUT_MS = 120_000

export class RemoteClient {
  /** Without a slash at the end. */
  readonly url: string
  readonly #options: RemoteClientOptions

  /** @throws CLI1001 when the address is none */
  constructor(options: RemoteClientOptions) {
    this.url = baseUrl(options.url)
    this.#options = options
  }

  health(): Promise<HealthBody> {
    return this.#json('/health', health)
  }

  overview(): Promise<ClusterOverviewBody> {
    return this.#json('/overview', clusterOverview)
  }

  jobs(): Promise<JobsOverviewBody> {
    return this.#json('/jobs/overview', jobsOverview)
  }

  job(job: string): Promise<JobDetails> {
    return this.#json(`/jobs/${job}`, jobDetails)
  }

  /** @throws NET1009 when the job has no checkpointing */
  checkpoints(job: string): Promise<CheckpointsBody> {
    return this.#json(`/jobs/${job}/checkpoints`, checkpoints)
  }

  exceptions(job: string): Promise<ExceptionsBody> {
    return this.#json(`/jobs/${job}/exceptions`, exceptions)
  }

  taskManagers(): Promise<TaskManagersBody> {
    return this.#json('/taskmanagers', taskManagers)
  }

  async taskManagerLog(id: string): Promise<string> {
    return (await this.#call(`/taskmanagers/${encodeURIComponent(id)}/log`)).text()
  }

  async jobManagerLog(): Promise<string> {
    return (await this.#call('/jobmanager/log')).text()
  }

  uploadArtifact(bytes: Uint8Array): Promise<ArtifactBody> {
    return this.#json('/artifacts', artifact, { method: 'POST', bytes, timeoutMs: UPLOAD_TIMEOUT_MS })
  }

  /** Resolves with the id of the job. */
  async submit(submission: SubmitBody): Promise<string> {
    const body = await this.#json('/jobs', submitted, {
      method: 'POST',
      json: submission,
      timeoutMs: UPLOAD_TIMEOUT_MS,
    })
    return body.jobid
  }

  /** Resolves when it has been asked for. */
  async cancel(job: string): Promise<void> {
    await this.#call(`/jobs/${job}?mode=cancel`, { method: 'PATCH' })
  }

  /** Resolves with a request id for `stopOutcome` when it has been asked for. */
  async stop(job: string): Promise<string> {
    return (await this.#json(`/jobs/${job}/stop`, triggered, { method: 'POST', json: {} }))['request-id']
  }

  stopOutcome(job: string, request: string): Promise<SavepointOutcome> {
    return this.#json(`/jobs/${job}/savepoints/${request}`, savepointOutcome)
  }

  /** Resolves with a request id for `checkpointOutcome`. */
  async triggerCheckpoint(job: string): Promise<string> {
    return (await this.#json(`/jobs/${job}/checkpoints`, triggered, { method: 'POST', json: {} }))['request-id']
  }

  checkpointOutcome(job: string, request: string): Promise<CheckpointOutcome> {
    return this.#json(`/jobs/${job}/checkpoints/${request}`, checkpointOutcome)
  }

  async #json<T>(path: string, schema: Schema<T>, options: CallOptions = {}): Promise<T> {
    const response = await this.#call(path, options)
    const parsed = schema.safeParse(await bodyOf(response))
    if (!parsed.success) throw notSluice(this.url, `the answer to ${path} is not what the API describes`)
    return parsed.data
  }

  async #call(path: string, options: CallOptions = {}): Promise<Response> {
    const response = await this.#fetch(`${this.url}/v1${path}`, options)
    const final = response.status === 307 ? await this.#follow(response, options) : response
    if (final.ok) return final
    throw await refusalOf(final, { url: this.url, hasToken: this.#options.token !== undefined })
  }

  // C1, C2
  async #follow(response: Response, options: CallOptions): Promise<Response> {
    const target = response.headers.get('location')
    await response.body?.cancel()
    if (target === null || !URL.canParse(target)) throw notSluice(this.url, 'it redirects to nowhere')
    if (this.url.startsWith('https:') && !target.startsWith('https:'))
      throw notSluice(
        this.url,
        `it redirects from HTTPS to ${new URL(target).origin}, where the token would be sent in the open`,
      )
    const next = await this.#fetch(target, options)
    if (next.status === 307) throw unreachable(this.url, 'the leader changes just now')
    return next
  }

  async #fetch(url: string, { method = 'GET', json, bytes, timeoutMs }: CallOptions): Promise<Response> {
    const { token, fetch: send = fetch } = this.#options
    const limitMs = timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS
    const body = json === undefined ? bytes && new Blob([new Uint8Array(bytes)]) : JSON.stringify(json)
    try {
      return await send(url, {
        method,
        redirect: 'manual',
        signal: AbortSignal.timeout(limitMs),
        headers: {
          accept: 'application/json, text/plain',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined
            ? {}
            : { 'content-type': json === undefined ? 'application/octet-stream' : 'application/json' }),
        },
        ...(body === undefined ? {} : { body }),
      })
    } catch (thrown) {
      throw unreachable(new URL(url).origin, whyOf(thrown, limitMs), thrown)
    }
  }
}

function baseUrl(url: string): string {
  if (URL.canParse(url)) {
    const { protocol, origin, pathname } = new URL(url)
    if (protocol === 'http:' || protocol === 'https:')
      return `${origin}${pathname}`.replace(/\/+$/, '').replace(/\/v1$/, '')
  }
  throw new EngineError(
    'CLI1001',
    `"${url}" is no address of a JobManager's REST API. Nothing was done. Write it as http://host:port, e.g. --jobmanager http://127.0.0.1:8081.`,
  )
}

async function bodyOf(response: Response): Promise<unknown> {
  try {
    return await response.json()
  } catch {
    return undefined // no schema takes it: NET1007
  }
}

interface Asked {
  readonly url: string
  readonly hasToken: boolean
}

async function refusalOf(response: Response, { url, hasToken }: Asked): Promise<EngineError> {
  const parsed = errorBody.safeParse(await bodyOf(response))
  if (!parsed.success)
    return notSluice(url, `it answers with HTTP status ${response.status} and no description of the error`)
  const message = parsed.data.errors.join('; ')
  if (response.status === 401) return unauthorized(url, hasToken ? 'does not accept this token' : 'needs a token')
  const { code = '' } = parsed.data
  return new EngineError(isErrorCode(code) ? code : codeOfStatus(response.status), message)
}

function codeOfStatus(status: number): ErrorCode {
  if (status >= 500) return 'NET1006'
  return status === 404 ? 'NET1009' : 'NET1008'
}

function unauthorized(url: string, why: string): EngineError {
  return new EngineError(
    'SEC1003',
    `the REST API at ${url} ${why}. Nothing was done. Set SLUICE_TOKEN, or give --token-file, with the token that the JobManager was started with.`,
  )
}

function notSluice(url: string, why: string): EngineError {
  return new EngineError(
    'NET1007',
    `${url} is not a REST API of Sluice, or one of another version: ${why}. Nothing more was done. Check --jobmanager (or SLUICE_JOBMANAGER) and the versions of both sides.`,
  )
}

function unreachable(url: string, why: string, cause?: unknown): EngineError {
  return new EngineError(
    'NET1006',
    `no JobManager can be reached at ${url}: ${why}. Whether the request was carried out is not known if it had been sent. ` +
      'Check that `sluice jobmanager` runs there, or give its address with --jobmanager or SLUICE_JOBMANAGER.',
    { cause },
  )
}

/** `fetch` keeps the reason in the cause of its error. */
function whyOf(thrown: unknown, timeoutMs: number): string {
  if (thrown instanceof Error && thrown.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`
  if (thrown instanceof Error && thrown.cause instanceof Error) {
    const { cause } = thrown
    const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
    return cause.message === '' ? code : cause.message
  }
  return messageOf(thrown)
}
