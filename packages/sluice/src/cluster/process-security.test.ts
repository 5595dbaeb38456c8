import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tempFolder } from '../../test/temp-folder.ts'
import { OTHER_IDENTITY, TEST_IDENTITY } from '../../test/tls-identities.ts'
import { isLoopback, readSecurity, requireSecret, type SecurityFiles } from './process-security.ts'

const NONE: SecurityFiles = {
  secretFile: undefined,
  tokenFile: undefined,
  tlsCert: undefined,
  tlsKey: undefined,
  tlsCa: undefined,
}
const SECRET = 'a secret of some length'

describe('secrets', () => {
  test('come from a file, or from the environment', () => {
    const file = join(tempFolder(), 'secret')
    writeFileSync(file, `${SECRET}\n`)
    expect(readSecurity({ ...NONE, secretFile: file }, {}).secret?.reveal()).toBe(SECRET)
    expect(readSecurity(NONE, { SLUICE_SECRET: SECRET, SLUICE_TOKEN: `${SECRET}2` })).toMatchObject({
      secret: expect.objectContaining({}),
      token: expect.objectContaining({}),
    })
    expect(readSecurity(NONE, {})).toEqual({ secret: undefined, token: undefined, tls: undefined })
  })

  test('that could be guessed are refused without showing them', () => {
    expect(() => readSecurity(NONE, { SLUICE_TOKEN: 'hunter2' })).toThrow(
      expect.objectContaining({
        code: 'SEC1005',
        message: expect.stringMatching(/^the token in SLUICE_TOKEN has 7 characters(?!.*hunter2)/s),
      }),
    )
  })

  test('in a file that cannot be read are refused: nothing starts without them', () => {
    expect(() => readSecurity({ ...NONE, secretFile: '/nowhere/secret' }, { SLUICE_SECRET: SECRET })).toThrow(
      expect.objectContaining({ code: 'SEC1005', message: expect.stringContaining('/nowhere/secret') }),
    )
  })

  test('a certificate needs its key', () => {
    expect(() => readSecurity({ ...NONE, tlsCert: 'cert.pem' }, {})).toThrow(
      expect.objectContaining({ code: 'SEC1005' }),
    )
  })
})

test('a certificate and a key that do not fit, or are none, are refused at the start', () => {
  const folder = tempFolder()
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const cert = file('cert.pem', TEST_IDENTITY.cert)
  const key = file('key.pem', TEST_IDENTITY.key)
  const ca = file('ca.pem', TEST_IDENTITY.ca)
  const read = (files: Partial<SecurityFiles>) => () => readSecurity({ ...NONE, ...files }, {})
  expect(read({ tlsCert: cert, tlsKey: key, tlsCa: ca })).not.toThrow()
  const refused = expect.objectContaining({
    code: 'SEC1005',
    message: expect.stringContaining('cannot be used together'),
  })
  expect(read({ tlsCert: cert, tlsKey: file('other.pem', OTHER_IDENTITY.key) })).toThrow(refused)
  expect(read({ tlsCert: file('text.pem', 'no certificate'), tlsKey: key })).toThrow(refused)
})

describe('beyond this machine', () => {
  const listen = (host: string, ca?: string) => () =>
    requireSecret(
      { option: 'jobmanager.host', host, tls: ca === undefined ? undefined : { cert: '', key: '', ca } },
      undefined,
    )

  test.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('%s needs no secret', (host) => {
    expect(isLoopback(host)).toBe(true)
    expect(listen(host)).not.toThrow()
  })

  test.each(['0.0.0.0', '::', '10.0.0.1', 'jm.example', '127.0.0.1.example', 'localhost.example'])(
    '%s needs a secret or mutual TLS',
    (host) => {
      expect(listen(host)).toThrow(expect.objectContaining({ code: 'SEC1002', message: expect.stringContaining(host) }))
      expect(listen(host, 'ca')).not.toThrow()
    },
  )
})
