import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Secret } from '../base/secret.ts'
import { LogRedaction } from './log-redaction.ts'
import { ProcessLog } from './process-log.ts'

const SECRET = 'f3a1-c0ffee+/=="quoted"\\'

describe('secrets in logs', () => {
  const redaction = new LogRedaction([new Secret(SECRET), undefined])

  test.each([
    ['option password=hunter2 is set', 'option password=*** is set'],
    ['env SLUICE_TOKEN=abc123, rest', 'env SLUICE_TOKEN=***, rest'],
    ['{"apiKey": "k-1", "region": "eu"}', '{"apiKey": ***, "region": "eu"}'],
    ["db.password='a b c' given", 'db.password=*** given'],
    ['authorization: Bearer abcdefgh.ijkl', 'authorization: Bearer ***'],
    ['kafka://me:hunter2@broker/orders', 'kafka://me:***@broker/orders'],
  ])('%s', (text, shown) => {
    expect(redaction.text(text)).toBe(shown)
  })

  test.each([
    'Give all processes the same secret (--secret-file FILE, or SLUICE_SECRET), or mutual TLS',
    'the token in /etc/token has 4 characters, fewer than 16: it could be guessed',
    'the REST API needs a token: start it with --token-file',
    'http://127.0.0.1:8081/jobs, key group 5, checkpoint 3 of job "orders"',
  ])('stays as it is: %s', (text) => {
    expect(redaction.text(text)).toBe(text)
  })

  test('a field with the name of a secret shows no value, others show theirs', () => {
    expect(redaction.fields({ password: 'x', code: 'SEC1003', slot: 1, job: undefined })).toEqual({
      password: '***',
      code: 'SEC1003',
      slot: 1,
      job: undefined,
    })
  })

  test('what jobs print stays theirs, but for the secrets of the process', () => {
    expect(redaction.printed(`password=x ${SECRET}`)).toBe('password=x ***')
  })

  test('a secret of the process is in no line and not in the tail, wherever it stands and in both formats', () => {
    const around = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes(SECRET))
    const format = fc.constantFrom('json' as const, 'text' as const)
    fc.assert(
      fc.property(around, around, format, (before, behind, how) => {
        const lines: string[] = []
        const output = { writeLine: (line: string) => void lines.push(line) }
        const secrets = [new Secret(SECRET)]
        const log = new ProcessLog({ level: 'debug', format: how, output, wallMs: () => 0, secrets })
        log.write('error', before + SECRET + behind, { path: before + SECRET, code: SECRET })
        log.keep(before + SECRET + behind)
        for (const text of [...lines, log.newest(1e6)]) {
          expect(text).not.toContain(SECRET)
          expect(text).not.toContain(JSON.stringify(SECRET).slice(1, -1))
        }
      }),
    )
  })
})
