import type { NetworkFailureKind } from '../base/network-error.ts'
import { NetworkError } from '../base/network-error.ts'
import { errnoOf } from './disk-failures.ts'

const FAILURE_BY_CODE: Readonly<Record<string, NetworkFailureKind>> = {
  ECONNREFUSED: 'refused',
  EHOSTUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENETDOWN: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ETIMEDOUT: 'timeout',
  EADDRINUSE: 'address-in-use',
  EACCES: 'denied',
  EPERM: 'denied',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'not-trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'not-trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'not-trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'not-trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'not-trusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'not-trusted',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'not-trusted',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'not-trusted',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'not-trusted',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'not-trusted',
  ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR: 'not-trusted',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'not-trusted',
}

/** Codes that OpenSSL and Node share by their first letters. */
const FAILURE_BY_PREFIX: readonly (readonly [string, NetworkFailureKind])[] = [
  ['CERT_', 'not-trusted'],
  ['ERR_SSL_', 'protocol'], // the other side does not speak TLS, or another TLS
]

/** What a socket, a server or the TLS layer failed with. */
export function networkError(what: string, thrown: unknown): NetworkError {
  if (thrown instanceof NetworkError) return thrown
  return new NetworkError(failureOf(errnoOf(thrown) ?? ''), what, thrown)
}

function failureOf(code: string): NetworkFailureKind {
  const exact = Object.hasOwn(FAILURE_BY_CODE, code) ? FAILURE_BY_CODE[code] : undefined
  return exact ?? FAILURE_BY_PREFIX.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 'io'
}
