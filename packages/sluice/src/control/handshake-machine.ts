/**
 * Who says what in a handshake, for both sides; docs/spec/transport.md, "Handshake", has the tables.
 *
 * Owns: the order of messages, who is refused why. Does not own: sockets, clocks, random numbers (handshake.ts), layout (handshake-frames.ts).
 *
 * H4 With a secret no side goes on before the other one has proved that it has the same; the side that dialed proves it first.
 * H5 Without a secret on either side nothing is proved; with one on one side only both refuse.
 * H6 The acceptor judges by what it is at the moment of the verdict, not of the greeting.
 * H7 A refusal that names a leader or an epoch counts only with a proof, where there is a secret.
 * H8 Every handshake ends once: linked, or with one error.
 */
import type { NetworkAddress } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import type { LeaderEpoch } from '../base/ids.ts'
import type { NetworkError } from '../base/network-error.ts'
import type { Secret } from '../base/secret.ts'
import {
  HandshakeError,
  closedDuringHandshake,
  notLeading,
  otherVersion,
  strangeBytes,
  wrongPort,
  wrongSecret,
} from './handshake-errors.ts'
import {
  type Challenge,
  type HandshakeMessage,
  type Hello,
  NO_PROOF,
  PROTOCOL_VERSION,
  type PeerRole,
  type ProofKind,
  type RefusalCode,
  type Refused,
  type Transcript,
  type Welcome,
  acceptorProof,
  decodeHandshake,
  dialerProof,
  encodeHandshake,
  isSameProof,
} from './handshake-frames.ts'

/** What the accepting side is. */
export type Authority =
  /** A JobManager that leads. */
  | { readonly kind: 'leader'; readonly epoch: LeaderEpoch }
  /** One that does not; the highest epoch and the leader it knows. */
  | { readonly kind: 'standby'; readonly epoch: LeaderEpoch; readonly leader: NetworkAddress | undefined }
  /** Neither: epochs are told and not compared (data connections compare them by deployment). */
  | { readonly kind: 'peer'; readonly epoch: LeaderEpoch }

/** Who is at the other end. */
export interface PeerIdentity {
  readonly role: PeerRole | 'acceptor'
  /** Version of its package. */
  readonly version: string
  /** The highest leader epoch it knows; 0: none. */
  readonly epoch: LeaderEpoch
}

export type HandshakeEvent =
  | { readonly kind: 'frame'; readonly bytes: Uint8Array }
  | { readonly kind: 'closed'; readonly error: NetworkError | undefined }
  | { readonly kind: 'timed-out'; readonly afterMs: number }

type HandshakeEffect =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  | { readonly kind: 'linked'; readonly peer: PeerIdentity; readonly epoch: LeaderEpoch }
  /** The last word; `close`: when what was sent before is out. */
  | { readonly kind: 'fail'; readonly error: HandshakeError; readonly ending: 'close' | 'destroy' }

export interface HandshakeStep<State> {
  readonly state: State
  readonly effects: readonly HandshakeEffect[]
}

const OVER = { phase: 'over' } as const

// --- the side that dialed

export interface DialerFacts {
  /** `host:port` of the other side. */
  readonly remote: string
  readonly role: PeerRole
  readonly version: string
  readonly secret: Secret | undefined
  readonly epoch: LeaderEpoch
  readonly nonce: Uint8Array
}

export type DialerState =
  | { readonly phase: 'greeting'; readonly facts: DialerFacts; readonly hello: Uint8Array }
  | {
      readonly phase: 'proving'
      readonly facts: DialerFacts
      readonly transcript: Transcript
      readonly peer: PeerIdentity
    }
  | typeof OVER

export function beginDialing(facts: DialerFacts): HandshakeStep<DialerState> {
  const { role, version, secret, nonce, epoch } = facts
  const hello = encodeHandshake({ kind: 'hello', role, version, proof: proofKind(secret), nonce, epoch })
  return { state: { phase: 'greeting', facts, hello }, effects: [{ kind: 'send', bytes: hello }] }
}

export function stepDialer(state: DialerState, event: HandshakeEvent): HandshakeStep<DialerState> {
  if (state.phase === 'over') return { state, effects: [] } // H8
  const { remote } = state.facts
  if (event.kind !== 'frame') return failed(closedDuringHandshake(remote, event))
  const message = hear(event.bytes, remote)
  if (message instanceof HandshakeError) return failed(message)
  if (message.kind === 'refused') return failed(refusedBy(state, message))
  switch (state.phase) {
    case 'greeting':
      return message.kind === 'challenge' ? answerChallenge(state, message, event.bytes) : failed(strangeBytes(remote))
    case 'proving':
      return message.kind === 'welcome' ? enter(state, message) : failed(strangeBytes(remote))
  }
}

function answerChallenge(
  { facts, hello }: Extract<DialerState, { phase: 'greeting' }>,
  { proof, version, epoch }: Challenge,
  challenge: Uint8Array,
): HandshakeStep<DialerState> {
  const { secret, remote } = facts
  if (proof !== proofKind(secret)) return failed(wrongSecret(remote)) // H5
  const transcript = { hello, challenge }
  const bytes = encodeHandshake({
    kind: 'proof',
    proof: secret === undefined ? NO_PROOF : dialerProof(secret, transcript),
  })
  const peer: PeerIdentity = { role: 'acceptor', version, epoch }
  return { state: { phase: 'proving', facts, transcript, peer }, effects: [{ kind: 'send', bytes }] }
}

function enter(
  { facts, transcript, peer }: Extract<DialerState, { phase: 'proving' }>,
  welcome: Welcome,
): HandshakeStep<DialerState> {
  if (!isProved(facts.secret, transcript, welcome)) return failed(wrongSecret(facts.remote)) // H4
  const { epoch } = welcome
  // A slot finds out by deployment who is old.
  if (facts.role !== 'slot' && epoch < facts.epoch)
    return failed(notLeading(facts.remote, { epoch, knownEpoch: facts.epoch, leader: undefined }))
  return { state: OVER, effects: [{ kind: 'linked', peer: { ...peer, epoch }, epoch }] }
}

function refusedBy(state: Exclude<DialerState, { phase: 'over' }>, refused: Refused): HandshakeError {
  const { remote, secret, epoch, role } = state.facts
  switch (refused.code) {
    case 'NET1001':
      return strangeBytes(remote) // it would have said so in another version
    case 'NET1003':
      return wrongPort(remote, role)
    case 'SEC1001':
      return wrongSecret(remote)
    case 'CLU1002':
      if (state.phase === 'greeting') return strangeBytes(remote)
      if (!isProved(secret, state.transcript, refused)) return wrongSecret(remote) // H7
      return notLeading(remote, { epoch: refused.epoch, knownEpoch: epoch, leader: refused.leader })
  }
}

function isProved(secret: Secret | undefined, transcript: Transcript, verdict: Welcome | Refused): boolean {
  return secret === undefined || isSameProof(verdict.proof, acceptorProof(secret, transcript, verdict))
}

// --- the side that accepted

export interface AcceptorFacts {
  readonly remote: string
  readonly version: string
  readonly secret: Secret | undefined
  /** Who may come in here. */
  readonly roles: readonly PeerRole[]
  readonly nonce: Uint8Array
}

export type AcceptorState =
  | { readonly phase: 'listening'; readonly facts: AcceptorFacts }
  | {
      readonly phase: 'challenging'
      readonly facts: AcceptorFacts
      readonly transcript: Transcript
      readonly hello: Hello
    }
  | typeof OVER

export function beginAccepting(facts: AcceptorFacts): HandshakeStep<AcceptorState> {
  return { state: { phase: 'listening', facts }, effects: [] }
}

/** `authority`: what this side is now. */
export function stepAcceptor(
  state: AcceptorState,
  event: HandshakeEvent,
  authority: Authority,
): HandshakeStep<AcceptorState> {
  if (state.phase === 'over') return { state, effects: [] } // H8
  const { remote } = state.facts
  if (event.kind !== 'frame') return failed(closedDuringHandshake(remote, event))
  const message = hear(event.bytes, remote)
  if (message instanceof HandshakeError)
    return message.code === 'NET1001' ? refuse(refusal('NET1001', authority), message) : failed(message)
  switch (state.phase) {
    case 'listening':
      return message.kind === 'hello' ? challenge(state, message, event.bytes, authority) : failed(strangeBytes(remote))
    case 'challenging':
      return message.kind === 'proof' ? judge(state, message.proof, authority) : failed(strangeBytes(remote))
  }
}

function challenge(
  { facts }: Extract<AcceptorState, { phase: 'listening' }>,
  hello: Hello,
  helloBytes: Uint8Array,
  authority: Authority,
): HandshakeStep<AcceptorState> {
  const { secret, version, nonce, remote } = facts
  const proof = proofKind(secret)
  if (hello.proof !== proof) return refuse(refusal('SEC1001', authority), wrongSecret(remote)) // H5
  const bytes = encodeHandshake({ kind: 'challenge', version, proof, nonce, epoch: authority.epoch })
  const transcript = { hello: helloBytes, challenge: bytes }
  return { state: { phase: 'challenging', facts, transcript, hello }, effects: [{ kind: 'send', bytes }] }
}

function judge(
  { facts, transcript, hello }: Extract<AcceptorState, { phase: 'challenging' }>,
  proof: Uint8Array,
  authority: Authority,
): HandshakeStep<AcceptorState> {
  const { secret, remote, roles } = facts
  if (secret !== undefined && !isSameProof(proof, dialerProof(secret, transcript)))
    return refuse(refusal('SEC1001', authority), wrongSecret(remote)) // H4
  const signed = <V extends Welcome | Refused>(verdict: V): V =>
    secret === undefined ? verdict : { ...verdict, proof: acceptorProof(secret, transcript, verdict) }
  const { role, version, epoch } = hello
  if (!roles.includes(role)) return refuse(signed(refusal('NET1003', authority)), wrongPort(remote, role))
  if (!isInCharge(authority, epoch)) {
    const leader = authority.kind === 'standby' ? authority.leader : undefined
    const error = notLeading('this process', { epoch: authority.epoch, knownEpoch: epoch, leader })
    return refuse(signed(refusal('CLU1002', authority)), error)
  }
  const welcome = signed({ kind: 'welcome', epoch: authority.epoch, proof: NO_PROOF })
  return {
    state: OVER,
    effects: [
      { kind: 'send', bytes: encodeHandshake(welcome) },
      { kind: 'linked', peer: { role, version, epoch }, epoch: authority.epoch },
    ],
  }
}

// H6
function isInCharge(authority: Authority, knownEpoch: LeaderEpoch): boolean {
  switch (authority.kind) {
    case 'leader':
      return knownEpoch <= authority.epoch
    case 'standby':
      return false
    case 'peer':
      return true
  }
}

function refusal(code: RefusalCode, authority: Authority): Refused {
  const tellsLeader = code === 'CLU1002' && authority.kind === 'standby'
  return {
    kind: 'refused',
    code,
    epoch: authority.epoch,
    leader: tellsLeader ? authority.leader : undefined,
    proof: NO_PROOF,
  }
}

function refuse(refused: Refused, error: HandshakeError): HandshakeStep<typeof OVER> {
  return {
    state: OVER,
    effects: [
      { kind: 'send', bytes: encodeHandshake(refused) },
      { kind: 'fail', error, ending: 'close' },
    ],
  }
}

// --- both sides

function failed(error: HandshakeError): HandshakeStep<typeof OVER> {
  return { state: OVER, effects: [{ kind: 'fail', error, ending: 'destroy' }] }
}

function proofKind(secret: Secret | undefined): ProofKind {
  return secret === undefined ? 'none' : 'hmac-sha256'
}

function hear(bytes: Uint8Array, remote: string): HandshakeMessage | HandshakeError {
  try {
    const heard = decodeHandshake(bytes)
    return heard.kind === 'other-version'
      ? otherVersion(remote, { theirs: heard.protocol, ours: PROTOCOL_VERSION })
      : heard
  } catch (thrown) {
    if (thrown instanceof EngineError && thrown.code === 'SER1002') return strangeBytes(remote, thrown)
    throw thrown
  }
}
