/** Why something on the network failed. `protocol`: bytes that are no frame of ours, one that is too long, or a wrong checksum. */
export type NetworkFailureKind =
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'address-in-use'
  | 'denied'
  | 'reset'
  | 'not-trusted'
  | 'protocol'
  | 'io'

/** A failure of the network, recognised by `failure`. */
export class NetworkError extends Error {
  readonly failure: NetworkFailureKind

  constructor(failure: NetworkFailureKind, what: string, cause?: unknown) {
    super(`${what}: ${failure}`, cause === undefined ? undefined : { cause })
    this.name = 'NetworkError'
    this.failure = failure
  }
}
