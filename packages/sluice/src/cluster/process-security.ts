/**
 * What protects the ports of a process: the secret that JobManagers and TaskManagers share, the token of the REST API, TLS.
 *
 * S1 Secrets come from files or the environment, never from the command line, where every user of the machine could read them.
 * S2 Without any of them a process listens on loopback addresses only (SEC1002; for the REST API: rest-server.ts).
 */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { createSecureContext } from 'node:tls'
import { EngineError, messageOf } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'

/** Where the secrets of a process are. */
export interface SecurityFiles {
  readonly secretFile: string | undefined
  readonly tokenFile: string | undefined
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
  readonly tlsCa: string | undefined
}

export interface TlsFiles {
  readonly cert: string
  readonly key: string
  /** Whose certificates are trusted; both sides then show theirs. */
  readonly ca: string | undefined
}

export interface ProcessSecurity {
  readonly secret: Secret | undefined
  readonly token: Secret | undefined
  readonly tls: TlsFiles | undefined
}

export type Variables = Readonly<Record<string, string | undefined>>

/** Shorter ones can be guessed. */
const SECRET_CHARACTERS_MIN = 16

/** @throws SEC1005 when a file cannot be read or does not hold what it should */
export function readSecurity(files: SecurityFiles, variables: Variables): ProcessSecurity {
  return {
    secret: secretFrom('secret', files.secretFile, variables['SLUICE_SECRET']),
    token: secretFrom('token', files.tokenFile, variables['SLUICE_TOKEN']),
    tls: tlsFrom(files),
  }
}

function secretFrom(
  what: 'secret' | 'token',
  file: string | undefined,
  variable: string | undefined,
): Secret | undefined {
  const given = file === undefined ? variable : readText(file, `--${what}-file`)
  if (given === undefined) return undefined
  const text = given.trim()
  if (text.length >= SECRET_CHARACTERS_MIN) return new Secret(text)
  const place = file === undefined ? `SLUICE_${what.toUpperCase()}` : file
  throw new EngineError(
    'SEC1005',
    `the ${what} in ${place} has ${text.length} characters, fewer than ${SECRET_CHARACTERS_MIN}: it could be guessed. The process was not started. ` +
      'Make a longer one, e.g. with: openssl rand -hex 32',
  )
}

function tlsFrom({ tlsCert, tlsKey, tlsCa }: SecurityFiles): TlsFiles | undefined {
  if (tlsCert === undefined && tlsKey === undefined && tlsCa === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new EngineError(
      'SEC1005',
      'TLS needs a certificate and its key, and only a part was given. The process was not started. Give --tls-cert and --tls-key, and --tls-ca for mutual TLS.',
    )
  }
  const ca = tlsCa === undefined ? undefined : readText(tlsCa, '--tls-ca')
  const tls = { cert: readText(tlsCert, '--tls-cert'), key: readText(tlsKey, '--tls-key'), ca }
  checkUsable(tls, { tlsCert, tlsKey, tlsCa })
  return tls
}

/** Said at the start, in words: later it would be a connection that cannot be opened. */
function checkUsable({ cert, key, ca }: TlsFiles, { tlsCert, tlsKey, tlsCa }: Partial<SecurityFiles>): void {
  try {
    createSecureContext({ cert, key, ...(ca === undefined ? {} : { ca }) })
  } catch (thrown) {
    const files = [tlsCert, tlsKey, tlsCa].filter((file) => file !== undefined).join(', ')
    throw new EngineError(
      'SEC1005',
      `the TLS files ${files} cannot be used together: ${messageOf(thrown)}. The process was not started. ` +
        'Give a certificate and its own private key, both as PEM and the key without a passphrase.',
      { cause: thrown },
    )
  }
}

function readText(path: string, flag: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    throw new EngineError(
      'SEC1005',
      `${flag} ${path} cannot be read: ${messageOf(thrown)}. The process was not started. Give the path of a file that this user may read.`,
      { context: { path }, cause: thrown },
    )
  }
}

export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}

interface Listening {
  /** The option that says where, e.g. `jobmanager.host`. */
  readonly option: string
  readonly host: string
  readonly tls: TlsFiles | undefined
}

/** @throws SEC1002 when TaskManagers of other machines could connect and nothing asks who they are */
export function requireSecret({ option, host, tls }: Listening, secret: Secret | undefined): void {
  if (isLoopback(host) || secret !== undefined || isMutual(tls)) return
  throw new EngineError(
    'SEC1002',
    `${option} is ${host}, which other machines can reach, and there is no secret: whoever connects could run code here. ` +
      'The process was not started. Give all processes the same secret (--secret-file FILE, or SLUICE_SECRET), or mutual TLS (--tls-cert, --tls-key, --tls-ca), or use 127.0.0.1.',
  )
}

function isMutual(tls: TlsFiles | undefined): boolean {
  return tls?.ca !== undefined
}
