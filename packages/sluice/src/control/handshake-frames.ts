/**
 * The four messages of the handshake as bytes, and what proves the secret: docs/spec/transport.md, "Handshake".
 *
 * Owns: layout, strictness, HMACs. Does not own: who says what when (handshake-machine.ts).
 *
 * H1 Every message begins with the magic and the protocol version. Version and refusals read the same in all versions.
 * H2 A proof covers every byte of what both sides said, so that nothing of it can be changed on the way, and its own direction.
 * H3 Nothing of a stranger's text is passed on: texts are of few characters, or refused.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { NetworkAddress } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import { type LeaderEpoch, leaderEpoch } from '../base/ids.ts'
import type { Secret } from '../base/secret.ts'

/** Changes when a process could misunderstand one of another version. */
export const PROTOCOL_VERSION = 1

export const NONCE_BYTES = 32
const PROOF_BYTES = 32
/** `sluice` in ASCII. */
const MAGIC: readonly number[] = [0x73, 0x6c, 0x75, 0x69, 0x63, 0x65]

export type PeerRole = 'taskmanager' | 'slot' | 'client'
export type ProofKind = 'none' | 'hmac-sha256'

/** Why a connection was refused, as it crosses the wire. */
export type RefusalCode = 'NET1001' | 'NET1003' | 'SEC1001' | 'CLU1002'

export interface Hello {
  readonly kind: 'hello'
  readonly role: PeerRole
  readonly version: string
  readonly proof: ProofKind
  readonly nonce: Uint8Array
  /** The highest leader epoch the sender knows; 0: none. */
  readonly epoch: LeaderEpoch
}

export interface Challenge {
  readonly kind: 'challenge'
  readonly version: string
  readonly proof: ProofKind
  readonly nonce: Uint8Array
  readonly epoch: LeaderEpoch
}

interface Proof {
  readonly kind: 'proof'
  /** Empty without a secret. */
  readonly proof: Uint8Array
}

export interface Welcome {
  readonly kind: 'welcome'
  readonly epoch: LeaderEpoch
  readonly proof: Uint8Array
}

export interface Refused {
  readonly kind: 'refused'
  readonly code: RefusalCode
  readonly epoch: LeaderEpoch
  /** Where the leader is, if the sender knows it. */
  readonly leader: NetworkAddress | undefined
  /** Empty when the sender could not know the other side yet. */
  readonly proof: Uint8Array
}

export type HandshakeMessage = Hello | Challenge | Proof | Welcome | Refused

/** What arrived: a message of this version, or the version of another one. */
export type Heard = HandshakeMessage | { readonly kind: 'other-version'; readonly protocol: number }

const KINDS = ['hello', 'challenge', 'proof', 'welcome', 'refused'] as const
const ROLES = ['taskmanager', 'slot', 'client'] as const
const PROOFS = ['none', 'hmac-sha256'] as const
const REFUSALS = ['NET1001', 'NET1003', 'SEC1001', 'CLU1002'] as const
/** H3 */
const VERSION_PATTERN = /^[\w.+-]{1,64}$/
const HOST_PATTERN = /^[\w.:%-]{1,255}$/

export function encodeHandshake(message: HandshakeMessage): Uint8Array {
  const out = new ByteWriter()
  for (const byte of MAGIC) out.u8(byte)
  out.u16(PROTOCOL_VERSION)
  out.u8(KINDS.indexOf(message.kind))
  writeFields(out, message)
  return out.take()
}

/** Throws SER1002 for everything that is no such message. */
export function decodeHandshake(bytes: Uint8Array): Heard {
  const reader = new ByteReader(bytes)
  for (const byte of MAGIC) if (reader.u8() !== byte) throw reader.malformed('this is no handshake')
  const protocol = reader.u16()
  const kind = oneOf(reader, KINDS, 'message')
  if (protocol !== PROTOCOL_VERSION && kind !== 'refused') return { kind: 'other-version', protocol } // H1
  const message = READERS[kind](reader)
  reader.finish('a handshake message')
  if (protocol !== PROTOCOL_VERSION) return { kind: 'other-version', protocol }
  return message
}

function writeFields(out: ByteWriter, message: HandshakeMessage): void {
  switch (message.kind) {
    case 'hello':
      out.u8(ROLES.indexOf(message.role))
      return writeGreeting(out, message)
    case 'challenge':
      return writeGreeting(out, message)
    case 'proof':
      return out.lengthPrefixed(message.proof)
    case 'welcome':
      out.varint(message.epoch)
      return out.lengthPrefixed(message.proof)
    case 'refused':
      out.u8(REFUSALS.indexOf(message.code))
      out.varint(message.epoch)
      out.string(message.leader?.host ?? '')
      out.varint(message.leader?.port ?? 0)
      return out.lengthPrefixed(message.proof)
  }
}

interface Greeting {
  readonly version: string
  readonly proof: ProofKind
  readonly nonce: Uint8Array
  readonly epoch: LeaderEpoch
}

function writeGreeting(out: ByteWriter, { version, proof, nonce, epoch }: Greeting): void {
  out.string(version)
  out.u8(PROOFS.indexOf(proof))
  out.bytes(nonce)
  out.varint(epoch)
}

const READERS: Readonly<Record<(typeof KINDS)[number], (reader: ByteReader) => HandshakeMessage>> = {
  hello: (reader) => ({ kind: 'hello', role: oneOf(reader, ROLES, 'role'), ...readGreeting(reader) }),
  challenge: (reader) => ({ kind: 'challenge', ...readGreeting(reader) }),
  proof: (reader) => ({ kind: 'proof', proof: readProof(reader) }),
  welcome: (reader) => ({ kind: 'welcome', epoch: leaderEpoch(reader.varint()), proof: readProof(reader) }),
  refused: (reader) => ({
    kind: 'refused',
    code: oneOf(reader, REFUSALS, 'refusal'),
    epoch: leaderEpoch(reader.varint()),
    leader: readLeader(reader),
    proof: readProof(reader),
  }),
}

function readGreeting(reader: ByteReader): Greeting {
  const version = reader.string()
  if (!VERSION_PATTERN.test(version)) throw reader.malformed('the version is no version') // H3
  const proof = oneOf(reader, PROOFS, 'kind of proof')
  return { version, proof, nonce: reader.slice(NONCE_BYTES).slice(), epoch: leaderEpoch(reader.varint()) }
}

function readLeader(reader: ByteReader): NetworkAddress | undefined {
  const host = reader.string()
  const port = reader.varint()
  if (host === '' && port === 0) return undefined
  if (!HOST_PATTERN.test(host) || port < 1 || port > 65_535) throw reader.malformed('the address is no address') // H3
  return { host, port }
}

function readProof(reader: ByteReader): Uint8Array {
  const proof = reader.lengthPrefixed()
  if (proof.length !== 0 && proof.length !== PROOF_BYTES) throw reader.malformed('the proof has a wrong length')
  return proof.slice()
}

function oneOf<T>(reader: ByteReader, choices: readonly T[], what: string): T {
  const choice = choices[reader.u8()]
  if (choice === undefined) throw reader.malformed(`the ${what} is unknown`)
  return choice
}

/** Whether a text may be sent as the version of the package. */
export function checkVersion(version: string): void {
  if (VERSION_PATTERN.test(version)) return
  throw new EngineError(
    'INT1001',
    `the version "${version}" cannot be sent in a handshake. Nothing was sent. Use up to 64 letters, digits, dots.`,
  )
}

/** Everything both sides said before the proofs, byte for byte. */
export interface Transcript {
  readonly hello: Uint8Array
  readonly challenge: Uint8Array
}

// H2
export function dialerProof(secret: Secret, { hello, challenge }: Transcript): Uint8Array {
  return hmac(secret, 'sluice dialer', [hello, challenge])
}

// H2: covers the verdict too, without its proof.
export function acceptorProof(
  secret: Secret,
  { hello, challenge }: Transcript,
  verdict: Welcome | Refused,
): Uint8Array {
  return hmac(secret, 'sluice acceptor', [hello, challenge, encodeHandshake({ ...verdict, proof: NO_PROOF })])
}

/** In constant time. */
export function isSameProof(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

export const NO_PROOF = new Uint8Array(0)

function hmac(secret: Secret, label: string, parts: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter()
  out.string(label)
  for (const part of parts) out.lengthPrefixed(part)
  return new Uint8Array(createHmac('sha256', secret.reveal()).update(out.view()).digest())
}
