import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createNodeEnv } from '../src/cluster/node-env.ts'
import { httpSource } from '../src/connector/http-source.ts'
import { socketSource } from '../src/connector/socket-source.ts'
import type { ReaderOutput, Source, SourceReader, SourceSplit } from '../src/connector/source.ts'

const env = createNodeEnv({ stdout: { writeLine: () => {} } })
const closing: (() => Promise<unknown> | void)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** The reader of a source on real sockets, polled whenever it wakes. */
class Reading<T, Split extends SourceSplit> {
  readonly records: T[] = []
  readonly reader: SourceReader<T, Split>
  #onChange = (): void => {}
  failure: unknown

  constructor(source: Source<T, Split>, splits: readonly Split[]) {
    this.reader = source.createReader({
      disk: env.disk,
      env,
      subtask: 0,
      parallelism: 1,
      wake: () => this.#poll(),
      requestSplit: () => {},
      sendSourceEvent: () => {},
      fail: (error) => {
        this.failure = error
        this.#onChange()
      },
      count: () => {},
    })
    closing.push(() => this.reader.close())
    this.reader.addSplits(splits)
  }

  /** Resolves when there are so many records. */
  async count(records: number): Promise<readonly T[]> {
    while (this.records.length < records) {
      if (this.failure !== undefined) throw this.failure
      await new Promise<void>((resolve) => (this.#onChange = resolve))
    }
    return this.records
  }

  #poll(): void {
    setImmediate(() => {
      while (this.reader.poll(this.#output, 100) === 'more');
      this.#onChange()
    })
  }

  readonly #output: ReaderOutput<T> = {
    split: () => ({ emit: (value) => void this.records.push(value) }),
    finishSplit: () => {},
    expectSplit: () => {},
    sideOutput: () => {},
    isFull: () => false,
  }
}

const SPLITS = [{ id: 'socket', index: 0 }]

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('socketSource reads lines of a real server, and connects again when the connection ends', async () => {
  const clients: Socket[] = []
  const server = createServer((client) => {
    clients.push(client)
    client.write(`hello ${clients.length}\nworld\n`)
    if (clients.length === 1) client.end('half a line')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    for (const client of clients) client.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo // it listens on TCP
  const source = socketSource({ host: '127.0.0.1', port, reconnect: { initial: '1ms' } })
  const reading = new Reading(source, SPLITS)
  expect(await reading.count(5)).toEqual(['hello 1', 'world', 'half a line', 'hello 2', 'world'])
})

test('socketSource fails with SRC1009 when nobody listens', async () => {
  const source = socketSource({ host: '127.0.0.1', port: await freePort(), reconnect: { attempts: 2, initial: '1ms' } })
  await expect(new Reading(source, SPLITS).count(1)).rejects.toMatchObject({ code: 'SRC1009' })
})

test('httpSource takes real requests, answers at the checkpoint, and refuses what is too large', async () => {
  const port = await freePort()
  const reading = new Reading(httpSource<number>({ port, path: '/in', bodyBytesMax: '1kb' }), SPLITS)
  const url = `http://127.0.0.1:${port}/in`
  const post = (body: string): Promise<Response> =>
    fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  // The server begins to listen in a turn of its own.
  for (;;) {
    const probe = await fetch(url).catch(() => undefined)
    if (probe !== undefined) {
      expect(probe.status).toBe(405)
      break
    }
  }
  const answer = post('[1,2,3]')
  expect(await reading.count(3)).toEqual([1, 2, 3])
  reading.reader.snapshot(1)
  await reading.reader.notifyCheckpointComplete?.(1)
  expect((await answer).status).toBe(200)
  expect((await post(`"${'x'.repeat(2000)}"`)).status).toBe(413)
  const stream: RequestInit & { readonly duplex: 'half' } = {
    method: 'POST',
    body: new Blob([`"${'x'.repeat(2000)}"`]).stream(),
    duplex: 'half',
    headers: { 'content-type': 'application/json' },
  }
  const streamed = await fetch(url, stream)
  expect(streamed.status).toBe(413)
  const open = post('4')
  await reading.count(4)
  await reading.reader.close()
  expect((await open).status).toBe(503)
  await expect(post('5')).rejects.toThrow()
})

test('httpSource fails with NET1005 when its port is taken', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => void server.close())
  const { port } = server.address() as AddressInfo // it listens on TCP
  await expect(new Reading(httpSource({ port }), SPLITS).count(1)).rejects.toMatchObject({ code: 'NET1005' })
})

test('a request that is refused before its body has come hears why, also while it still sends', async () => {
  const port = await freePort()
  const reading = new Reading(httpSource<number>({ port, path: '/in', bodyBytesMax: '1kb' }), SPLITS)
  await untilListening(port)
  const size = 3 * 1024 * 1024
  const client = connect(port, '127.0.0.1')
  closing.push(() => void client.destroy())
  let heard = ''
  const ended = new Promise<void>((resolve, reject) => {
    client.on('end', resolve)
    client.on('error', reject)
  })
  client.write(
    `POST /in HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${size}\r\n\r\n`,
  )
  await new Promise((resolve) => client.write(Buffer.alloc(size, 32), resolve))
  client.on('data', (bytes) => void (heard += String(bytes)))
  await ended
  expect(heard).toMatch(/^HTTP\/1\.1 413 /)
  expect(heard).toMatch(/connection: close/i)
  expect(reading.records).toEqual([])
})

test('bodies that are on their way do not fill the memory: one that is too many is 503', async () => {
  const port = await freePort()
  const reading = new Reading(httpSource<number>({ port, path: '/in', bodyBytesMax: '60mb' }), SPLITS)
  await untilListening(port)
  const part = Buffer.alloc(40 * 1024 * 1024, 32)
  const first = await Promise.race(
    [0, 1].map(
      () =>
        new Promise<string>((resolve, reject) => {
          const client = connect(port, '127.0.0.1')
          closing.push(() => void client.destroy())
          client.on('data', (bytes) => resolve(String(bytes)))
          client.on('error', reject)
          client.write(`POST /in HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${60 * 1024 * 1024}\r\n\r\n`)
          client.write(part)
        }),
    ),
  )
  expect(first).toMatch(/^HTTP\/1\.1 503 [^]*retry-after: 1/i)
  expect(reading.records).toEqual([])
})

async function untilListening(port: number): Promise<void> {
  while ((await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)) === undefined);
}
