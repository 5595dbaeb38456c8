/** Receives records over HTTP, as webhooks. Who is answered what and when is in docs/spec/connectors.md. */
import { parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import { parseSize } from '../base/size.ts'
import { type DeadLetterTag, errorPolicyOf } from './error-policy.ts'
import { HttpReader, type HttpTerms } from './http-reader.ts'
import { HttpAccess, type SignatureForm } from './http-access.ts'
import { type LiveSplit, limitOf, liveEnumerator } from './live-source.ts'
import type { Source } from './source.ts'
import type { SplitQueueState } from './split-queue.ts'
import type { DeadLetter } from './text-source.ts'

/** Where `httpSource` listens, who may send, and what they are answered. */
export interface HttpSourceOptions {
  /** From 1 to 65535. */
  readonly port: number
  /** Address to listen on. Default `127.0.0.1`; any that other machines reach needs `token` or `signature`. */
  readonly host?: string
  /** Of the requests that are taken. Default `/`. */
  readonly path?: string
  /**
   * When a sender hears that its records were taken: `on-checkpoint` (default where checkpointing is on), when a checkpoint that covers them is complete; or `on-receipt`, at
   * once: what no checkpoint covers yet is lost when the job fails.
   */
  readonly acknowledge?: 'on-checkpoint' | 'on-receipt'
  /** Senders have to show it as `authorization: Bearer …`: at least 16 characters. Default: none is asked for. */
  readonly token?: string
  /** Senders have to sign the body with a secret that both know. Default: no signature is asked for. */
  readonly signature?: HttpSignatureOptions
  /** Longest body. Default `1mb`, at most `64mb`. */
  readonly bodyBytesMax?: string
  /** Records that wait to be read; more are refused with 503. Default 10,000; 32 MB of them do it too. */
  readonly buffered?: number
  /** Requests that were taken and not answered yet; more are refused with 503. Default 1000. */
  readonly openRequests?: number
  /** Until a request has to have arrived, and then until it has to be answered: after that, 503. Default `60s`, from `1s` to `1h`. */
  readonly timeout?: string
  /**
   * What becomes of records that cannot be decoded: `refuse` (default) answers 400 and takes nothing of the request; otherwise the others are taken, and these are skipped
   * or set aside.
   */
  readonly onError?: 'refuse' | 'skip' | 'dead-letter' | DeadLetterTag<DeadLetter>
}

/** How senders of an `httpSource` sign what they send. */
export interface HttpSignatureOptions {
  /** At least 16 characters. */
  readonly secret: string
  /**
   * `sha256` (default): the header has `sha256=` and HMAC-SHA256 of the body in hexadecimal digits, as GitHub sends it. `timestamped`: `t=<seconds>,v1=<digits>`, of the time, a dot and
   * the body, as Stripe sends it.
   */
  readonly form?: SignatureForm
  /** Default `x-hub-signature-256`, or `stripe-signature` for `timestamped`. */
  readonly header?: string
  /** How old a timestamped signature may be, or how far ahead. Default `5m`. */
  readonly tolerance?: string
}

/** What `httpSource` makes. */
export type HttpSource<T> = Source<T, LiveSplit, SplitQueueState<LiveSplit>>

const SECRET_CHARACTERS_MIN = 16

/**
 * Receives records by HTTP POST: a JSON value, an array of them (each is a record), JSON lines (`application/x-ndjson`, `application/jsonl`) or text (one record). With
 * `acknowledge: 'on-checkpoint'` a sender that sends again until it gets a 2xx loses nothing: at least once. One subtask listens; give the source a parallelism of 1.
 *
 * @throws CFG1002 when an option does not fit, SEC1002 when other machines could send without a secret, SEC1005 for a secret that is too short; while it runs NET1005 when the port
 *   is taken, CFG1003 for `on-checkpoint` without checkpoints
 * @example httpSource<Order>({ port: 8080, path: '/orders' })
 * @example httpSource({ port: 8080, host: '0.0.0.0', token: process.env['ORDERS_TOKEN'] ?? '', decode: (body) => parse(String(body)) })
 */
export function httpSource<T>(options: HttpSourceOptions & { readonly decode: (body: unknown) => T }): HttpSource<T>
export function httpSource<T = unknown>(options: HttpSourceOptions): HttpSource<T>
export function httpSource(
  options: HttpSourceOptions & { readonly decode?: (body: unknown) => unknown },
): HttpSource<unknown> {
  const terms = termsOf(options)
  return Object.freeze<HttpSource<unknown>>({
    kind: 'http',
    identity: { path: terms.path },
    boundedness: 'continuous',
    createEnumerator: liveEnumerator,
    createReader: (context) => new HttpReader(terms, context),
  })
}

function termsOf(options: HttpSourceOptions & { readonly decode?: (body: unknown) => unknown }): HttpTerms {
  const { host = '127.0.0.1', path = '/', token, signature, onError = 'refuse' } = options
  const what = 'httpSource'
  if (!isLoopback(host) && token === undefined && signature === undefined) throw openToOthers(host)
  if (!/^\/[^?#\s]*$/.test(path)) throw badPath(path)
  return {
    address: { host, port: limitOf(`${what}: port`, options.port, { min: 1, max: 65_535 }) },
    path,
    acknowledge: options.acknowledge,
    access: new HttpAccess({
      token: token === undefined ? undefined : secretOf('token', token),
      signature: signature === undefined ? undefined : signatureOf(signature),
    }),
    bodyBytesMax: limitOf(`${what}: bodyBytesMax`, parseSize(options.bodyBytesMax ?? '1mb'), { min: 1, max: 2 ** 26 }),
    bufferedMax: limitOf(`${what}: buffered`, options.buffered ?? 10_000, { min: 1, max: 1_000_000 }),
    openRequestsMax: limitOf(`${what}: openRequests`, options.openRequests ?? 1000, { min: 1, max: 100_000 }),
    timeoutMs: limitOf(
      `${what}: timeout in milliseconds`,
      parseDuration(options.timeout ?? '60s', `${what}: timeout`),
      {
        min: 1000,
        max: 3_600_000,
      },
    ),
    policy: onError === 'refuse' ? undefined : errorPolicyOf(onError),
    decode: options.decode ?? ((body) => body),
  }
}

function signatureOf({ secret, form = 'sha256', header, tolerance }: HttpSignatureOptions) {
  return {
    secret: secretOf('signature.secret', secret),
    form,
    header: (header ?? (form === 'sha256' ? 'x-hub-signature-256' : 'stripe-signature')).toLowerCase(),
    toleranceMs: parseDuration(tolerance ?? '5m', 'httpSource: signature.tolerance'),
  }
}

function secretOf(what: string, text: string): Secret {
  if (text.length >= SECRET_CHARACTERS_MIN) return new Secret(text)
  throw new EngineError(
    'SEC1005',
    `httpSource: ${what} has ${text.length} characters. The graph was not built, because it could be guessed. Give at least ${SECRET_CHARACTERS_MIN} random ones.`,
  )
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function openToOthers(host: string): EngineError {
  return new EngineError(
    'SEC1002',
    `httpSource was to listen on ${host}, where other machines reach it, without a token or a signature. The graph was not built: anybody could send records. ` +
      'Give token or signature, or listen on 127.0.0.1.',
  )
}

function badPath(path: string): EngineError {
  return new EngineError(
    'CFG1002',
    `httpSource: path is ${JSON.stringify(path)}. The graph was not built. Give a path such as "/orders", without a query.`,
  )
}
