/** Why two processes did not come together, for people. */
import type { NetworkAddress } from '../base/env.ts'
import type { ErrorCode } from '../base/error-codes.ts'
import { EngineError } from '../base/errors.ts'
import type { LeaderEpoch } from '../base/ids.ts'
import { addressText } from '../base/network-address.ts'
import type { NetworkError, NetworkFailureKind } from '../base/network-error.ts'
import type { PeerRole } from './handshake-frames.ts'

/** A subclass because callers branch on `leader`: where the leader is, as a process that does not lead says (CLU1002). */
export class HandshakeError extends EngineError {
  readonly leader: NetworkAddress | undefined

  constructor(code: ErrorCode, message: string, more: { leader?: NetworkAddress | undefined; cause?: unknown } = {}) {
    super(code, message, { cause: more.cause })
    this.name = 'HandshakeError'
    this.leader = more.leader
  }
}

const FAILURES: Readonly<Record<NetworkFailureKind, string>> = {
  refused: 'nothing listens there (connection refused)',
  unreachable: 'there is no such host, or no way to it',
  timeout: 'no answer came in time',
  'address-in-use': 'no port is free on this side',
  denied: 'the system does not permit it',
  reset: 'the other side ended the connection at once',
  'not-trusted': 'its certificate is not trusted',
  protocol: 'its bytes are no frames of Sluice',
  io: 'the system failed',
}

/** A connection could not be opened. */
export function unreachableAt(address: NetworkAddress, error: NetworkError): HandshakeError {
  const remote = addressText(address)
  if (error.failure === 'not-trusted') return notTrusted(remote, error)
  if (error.failure === 'protocol') return strangeBytes(remote, error)
  return new HandshakeError(
    'NET1002',
    `${remote} cannot be reached: ${FAILURES[error.failure]}. Nothing was sent. ` +
      'Check that the process runs there, that the address and the port are right, and that no firewall is in between.',
    { cause: error },
  )
}

export type HandshakeSilence =
  | { readonly kind: 'closed'; readonly error: NetworkError | undefined }
  | { readonly kind: 'timed-out'; readonly afterMs: number }

export function closedDuringHandshake(remote: string, silence: HandshakeSilence): HandshakeError {
  if (silence.kind === 'timed-out') {
    return new HandshakeError(
      'NET1002',
      `${remote} did not finish the handshake within ${silence.afterMs / 1000} s. The connection was given up. ` +
        'Check that the process there is a Sluice process that is neither stopped nor overloaded.',
    )
  }
  const { error } = silence
  if (error?.failure === 'protocol') return strangeBytes(remote, error)
  if (error?.failure === 'not-trusted') return notTrusted(remote, error)
  return new HandshakeError(
    'NET1002',
    `${remote} ended the connection during the handshake. Nothing but the handshake was sent. ` +
      'Check that the process there still runs, and that both sides use TLS with certificates of one authority, or neither.',
    { cause: error },
  )
}

export function strangeBytes(remote: string, cause?: unknown): HandshakeError {
  return new HandshakeError(
    'NET1003',
    `what ${remote} sent is no handshake of Sluice: this is not a Sluice port, or only one side uses TLS. The connection was given up. ` +
      'Check the address and the port (the REST API has another port than the one for TaskManagers), and give TLS keys to all processes or to none.',
    { cause },
  )
}

export function wrongPort(remote: string, role: PeerRole): HandshakeError {
  return new HandshakeError(
    'NET1003',
    `a connection between ${remote} and this process was refused: the port it leads to does not take connections of a ${role}. ` +
      'Nothing but the handshake was sent. Check the address: TaskManagers connect to jobmanager.port.',
  )
}

export function otherVersion(remote: string, protocol: { theirs: number; ours: number }): HandshakeError {
  return new HandshakeError(
    'NET1001',
    `${remote} speaks version ${protocol.theirs} of the protocol between processes, this process version ${protocol.ours}. ` +
      'They cannot work together and the connection was given up. Install the same version of sluice on all machines of the cluster.',
  )
}

/** One wording for a missing and a wrong secret: it tells nobody which it is. */
export function wrongSecret(remote: string): HandshakeError {
  return new HandshakeError(
    'SEC1001',
    `${remote} and this process do not have the same secret, or only one of them has one. Nothing but the handshake was sent. ` +
      'Give all processes of the cluster the same secret: --secret-file FILE, or the variable SLUICE_SECRET.',
  )
}

function notTrusted(remote: string, cause?: unknown): HandshakeError {
  return new HandshakeError(
    'SEC1006',
    `the TLS certificate of ${remote} or that of this process is not trusted by the other side. Nothing was sent. ` +
      'Give all processes certificates of one authority with --tls-cert and --tls-key, the authority itself with --tls-ca, and connect by a name that the certificate has.',
    { cause },
  )
}

export interface Leading {
  readonly epoch: LeaderEpoch
  /** What the side that dialed knows. */
  readonly knownEpoch: LeaderEpoch
  readonly leader: NetworkAddress | undefined
}

export function notLeading(who: string, { epoch, knownEpoch, leader }: Leading): HandshakeError {
  const newer = knownEpoch > epoch ? ` It knows of leader epoch ${epoch}, and epoch ${knownEpoch} has begun.` : ''
  const where = leader === undefined ? 'It does not know who does.' : `The leader is at ${addressText(leader)}.`
  return new HandshakeError(
    'CLU1002',
    `${who} does not lead the cluster.${newer} ${where} Nothing was registered there. ` +
      'Nothing needs to be done if a leader is known or is being found; else start a JobManager on the same storage.',
    { leader },
  )
}

export function tooManyStrangers(remote: string, count: number): HandshakeError {
  return new HandshakeError(
    'NET1002',
    `a connection from ${remote} was closed at once: ${count} others have not finished their handshake. Whoever it was may try again. ` +
      'If it happens often, find out who floods the port and close it to them.',
  )
}
