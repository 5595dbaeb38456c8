import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NetworkError } from '../base/network-error.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { MemorySockets } from '../testing/memory-sockets.ts'
import { SourceRun } from '../testing/source-run.ts'
import { DelimitedBytes } from './delimited-bytes.ts'
import { DEAD_LETTER } from './error-policy.ts'
import { type SocketSource, type SocketSourceOptions, socketSource } from './socket-source.ts'

const AT = { host: 'feed', port: 7001 }

async function connected<T>(source: SocketSource<T>, parallelism = 1) {
  const sockets = new MemorySockets()
  const disk = new MemoryDisk()
  const env = createManualEnv({ disk, sockets })
  const run = new SourceRun(source, disk, parallelism, undefined, env)
  await run.start()
  run.pollOnce()
  await env.settle()
  return { run, sockets, env, server: (n = 0) => sockets.streams[n] ?? expect.fail(`connection ${n} was not opened`) }
}

const broken = new NetworkError('reset', 'the connection')

describe('socketSource', () => {
  test('gives the lines that the server sends, however they are cut into pieces', async () => {
    const { run, server, sockets } = await connected(socketSource(AT))
    expect(sockets.streams[0]?.address).toEqual(AT)
    for (const piece of ['a\r\nb', 'b\n', '\n', 'é'.slice(0)]) server().send(piece)
    const euro = new TextEncoder().encode('€\n')
    server().send(euro.subarray(0, 1))
    server().send(euro.subarray(1))
    await run.read(4)
    expect(run.records).toEqual(['a', 'bb', '', 'é€'])
    expect(run.position()).toBe('feed:7001 record 4')
    expect(run.snapshot().splits).toEqual([{ id: 'socket', index: 0 }])
  })

  test('one reader connects, whatever the parallelism; the others end', async () => {
    const { run, server, sockets } = await connected(socketSource({ ...AT, whenClosed: 'end' }), 3)
    server().send('a\nb')
    server().end()
    expect(await run.read()).toBe('ended')
    expect([sockets.connects, run.records]).toEqual([1, ['a', 'b']])
    expect(run.snapshot().splits).toEqual([])
  })

  test('a connection that breaks is opened again; the record that was cut off is dropped', async () => {
    const { run, server, env } = await connected(socketSource(AT))
    server().send('a\nhalf')
    server().end(broken)
    await env.advanceAndSettle(100)
    server(1).send('b\n')
    server(1).end()
    await env.advanceAndSettle(100)
    server(2).send('c\n')
    await run.read(3)
    expect(run.records).toEqual(['a', 'b', 'c'])
    expect(run.counts.get('reconnects')).toBe(2)
  })

  test('tries that fail have growing pauses between them, and too many are SRC1009', async () => {
    const source = socketSource({ ...AT, reconnect: { attempts: 4, initial: '1s', max: '2s' } })
    const { run, sockets, env, server } = await connected(source)
    sockets.isUp = false
    server().end(broken)
    for (const [tries, pauseMs] of [1000, 2000, 2000].entries()) {
      await env.advanceAndSettle(pauseMs / 2 - 1)
      expect(sockets.connects).toBe(1 + tries)
      await env.advanceAndSettle(pauseMs / 2 + 1)
      expect(sockets.connects).toBe(2 + tries)
    }
    expect(run.failure).toMatchObject({ code: 'SRC1009', message: expect.stringContaining('feed:7001') })
  })

  test('while records wait the server is held back', async () => {
    const { run, server } = await connected(socketSource({ ...AT, buffered: 4 }))
    server().send('1\n2\n3\n')
    expect(server().state).toBe('reading')
    server().send('4\n5\n')
    expect(server().state).toBe('paused')
    await run.read(2)
    expect(server().state).toBe('paused')
    await run.read(1)
    expect(server().state).toBe('reading')
  })

  test('few records of many bytes hold the server back too', async () => {
    const { run, server } = await connected(socketSource({ ...AT, recordBytesMax: '20mb' }))
    const record = `${'x'.repeat(12 * 1024 * 1024)}\n`
    for (let n = 0; n < 2; n++) server().send(record)
    expect(server().state).toBe('reading')
    server().send(record)
    expect(server().state).toBe('paused')
    await run.read(2)
    expect(server().state).toBe('reading')
  })

  test('bytes that are no UTF-8 are no record', async () => {
    const { run, server } = await connected(socketSource({ ...AT, onError: 'dead-letter' }))
    server().send(Uint8Array.of(0x61, 0xff, 10, 0x62, 10))
    await run.read(1)
    expect([run.records, run.sideRecords]).toEqual([
      ['b'],
      [{ tag: DEAD_LETTER, value: expect.objectContaining({ offset: 0, error: 'it is not valid UTF-8' }) }],
    ])
  })

  test('a record that is too long or cannot be decoded follows the policy', async () => {
    const decode = (line: string): number => JSON.parse(line)
    const options: SocketSourceOptions = { ...AT, recordBytesMax: '5b' }
    const text = '1\n{\n[1,2,3]\n2\n'
    const failing = await connected(socketSource({ ...options, decode }))
    failing.server().send(text)
    await expect(failing.run.read(2)).rejects.toMatchObject({
      code: 'SRC1002',
      message: expect.stringContaining('record 1'),
    })
    const letters = await connected(socketSource({ ...options, decode, onError: 'dead-letter' }))
    letters.server().send(text)
    await letters.run.read(2)
    expect(letters.run.records).toEqual([1, 2])
    expect(letters.run.sideRecords).toEqual([
      { tag: DEAD_LETTER, value: expect.objectContaining({ file: 'feed:7001', offset: 1, line: '{' }) },
      {
        tag: DEAD_LETTER,
        value: expect.objectContaining({ offset: 2, line: '[1,2,', error: expect.stringContaining('7 bytes') }),
      },
    ])
  })

  test('a closed reader lets go of the connection, also of one that comes later, and of its timer', async () => {
    const open = await connected(socketSource(AT))
    await open.run.close()
    expect(open.server().state).toBe('destroyed')
    const waiting = await connected(socketSource(AT))
    waiting.server().end(broken)
    await waiting.run.close()
    expect(waiting.env.timerCount()).toBe(0)
  })

  test('without sockets the task fails with SRC1010', async () => {
    const run = new SourceRun(socketSource(AT), new MemoryDisk())
    await run.start()
    run.pollOnce()
    await run.env.settle()
    expect(run.failure).toMatchObject({ code: 'SRC1010' })
  })

  test('options that do not fit are refused when the graph is built', () => {
    const refused = (options: object): void =>
      expect(() => socketSource({ ...AT, ...options })).toThrow(expect.objectContaining({ code: 'CFG1002' }))
    refused({ port: 0 })
    refused({ delimiter: '' })
    refused({ delimiter: 'é' })
    refused({ recordBytesMax: '0b' })
    refused({ buffered: 0 })
    refused({ reconnect: { attempts: 0 } })
    refused({ timeout: 'soon' })
  })
})

describe('bytes between delimiters', () => {
  test('records are the same however the bytes are cut, and too long ones have their length', () => {
    fc.assert(
      fc.property(
        fc
          .array(fc.constantFrom('a', 'b', 'ab', '\r', '\n', '#', '-', '#-'), { maxLength: 30 })
          .map((parts) => parts.join('')),
        fc.constantFrom('a', '#-', 'ab', '#-#', '--', '\n', '\r\n'),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 30 }),
        (text, delimiter, cuts) => {
          const found: [string, number][] = []
          const records = new DelimitedBytes({
            delimiter,
            recordBytesMax: 4,
            onRecord: (bytes, length) => void found.push([Buffer.from(bytes).toString('latin1'), length]),
          })
          const bytes = Buffer.from(text, 'latin1')
          for (let at = 0, n = 0; at < bytes.length; n++) {
            const size = cuts[n % cuts.length] ?? 1
            records.push(bytes.subarray(at, at + size))
            at += size
          }
          records.end()
          const parts = text.split(delimiter)
          if (parts.at(-1) === '') parts.pop()
          if (delimiter === '\n') for (const [n, part] of parts.entries()) parts[n] = part.replace(/\r$/, '')
          expect(found).toEqual(parts.map((part) => [part.slice(0, 4), part.length]))
        },
      ),
      { numRuns: 2000 },
    )
  })
})
