/** Whose requests an HTTP source takes. */
import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { HttpAnswer, HttpHead } from '../base/env.ts'
import type { Secret } from '../base/secret.ts'

export type SignatureForm = 'sha256' | 'timestamped'

export interface HttpAccessTerms {
  readonly token: Secret | undefined
  readonly signature:
    | {
        readonly secret: Secret
        readonly form: SignatureForm
        readonly header: string
        readonly toleranceMs: number
      }
    | undefined
}

/** What a browser lets pages of others send to this machine must not come in. */
const LOCAL_HOST = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i
const TIMESTAMPED = /^t=(\d{1,12}),/
const SIGNATURE = /^v1=([0-9a-f]{64})$/
/** While a sender changes its secret it signs with the old one and the new one. */
const SIGNATURES_MAX = 8

export class HttpAccess {
  readonly #terms: HttpAccessTerms

  constructor(terms: HttpAccessTerms) {
    this.#terms = terms
  }

  /** Undefined: the body may be read. */
  refuseHead(head: HttpHead): HttpAnswer | undefined {
    const { token, signature } = this.#terms
    if (token !== undefined && !isSame(head.header('authorization') ?? '', `Bearer ${token.reveal()}`))
      return { status: 401, text: 'A token is needed.\n', headers: { 'www-authenticate': 'Bearer' } }
    if (token !== undefined || signature !== undefined) return undefined
    const isForeign = head.header('origin') !== undefined || !LOCAL_HOST.test(head.header('host') ?? '')
    return isForeign ? { status: 403, text: 'Requests of web pages and for other hosts are not taken.\n' } : undefined
  }

  /** Undefined: whoever sent the body knows the secret. */
  refuseBody(head: HttpHead, body: Uint8Array, nowMs: number): HttpAnswer | undefined {
    const { signature } = this.#terms
    if (signature === undefined) return undefined
    const given = head.header(signature.header) ?? ''
    const isRight =
      signature.form === 'sha256'
        ? isSame(given, `sha256=${hmacOf(signature.secret, [body])}`)
        : isRightNow(given, { body, nowMs, secret: signature.secret, toleranceMs: signature.toleranceMs })
    return isRight ? undefined : { status: 401, text: 'The signature is missing, wrong or too old.\n' }
  }
}

interface Timestamped {
  readonly body: Uint8Array
  readonly nowMs: number
  readonly secret: Secret
  readonly toleranceMs: number
}

function isRightNow(given: string, { body, nowMs, secret, toleranceMs }: Timestamped): boolean {
  const seconds = TIMESTAMPED.exec(given)?.[1]
  if (seconds === undefined || Math.abs(nowMs - Number(seconds) * 1000) > toleranceMs) return false
  const wanted = hmacOf(secret, [`${seconds}.`, body])
  const signatures = given.split(',').flatMap((part) => SIGNATURE.exec(part.trim())?.[1] ?? [])
  return signatures.slice(0, SIGNATURES_MAX).some((digits) => isSame(digits, wanted))
}

function hmacOf(secret: Secret, parts: readonly (string | Uint8Array)[]): string {
  const hmac = createHmac('sha256', secret.reveal())
  for (const part of parts) hmac.update(part)
  return hmac.digest('hex')
}

/** Takes the same time wherever they differ. */
function isSame(given: string, wanted: string): boolean {
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', wanted, 'buffer'))
}
