import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DiskError } from '../base/disk-error.ts'
import type { Disk } from '../base/env.ts'
import { commitRequests } from '../testing/commit-requests.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import type { FileCommittable, FileWriterState } from './file-parts.ts'
import { jsonLinesSink, textSink, type FileSink, type FileSinkOptions, type TextSinkOptions } from './file-sink.ts'
import { IN_FLIGHT_BYTES_MAX } from './file-writer.ts'
import { jsonLine } from './line-format.ts'
import type { SinkContext, SinkWriter } from './sink.ts'
import { readTree, writeFile } from '../testing/disk-files.ts'
import { StoppingDisk } from '../testing/stopping-disk.ts'

const OUT = '/out'
const HIDDEN = '/out/.in-progress/sink'

interface Pending {
  readonly checkpoint: number
  readonly committable: FileCommittable
}

/** What is in a checkpoint: how far the input was read, and the state of the sink. */
interface Saved {
  readonly checkpoint: number
  readonly position: number
  readonly pending: readonly Pending[]
  readonly writers: readonly FileWriterState[]
}

/** What survives a crash: the disk and the checkpoints. */
class World {
  readonly disk = new MemoryDisk()
  readonly checkpoints: Saved[] = []
  checkpointId = 0
  attempt = 0

  async visibleLines(): Promise<number[]> {
    const files = await readTree(this.disk, OUT).catch(() => new Map<string, string>())
    const visible = [...files].filter(([path]) => !path.startsWith(`${OUT}/.`))
    return visible.flatMap(([, text]) => {
      expect(text.endsWith('\n')).toBe(true)
      return text.trimEnd().split('\n').map(Number)
    })
  }

  async hiddenFiles(): Promise<string[]> {
    return [...(await readTree(this.disk, HIDDEN)).keys()].filter((path) => path !== `${HIDDEN}/run`)
  }
}

interface AttemptOptions {
  readonly count: number
  readonly every: number
  readonly parallelism: number
  readonly disk: Disk
}

/** One attempt of a job that writes the numbers below `count`: the steps of task and coordinator in their order. */
async function runAttempt(world: World, sink: FileSink<number>, options: AttemptOptions): Promise<void> {
  const { count, every, parallelism, disk } = options
  const env = createManualEnv({ disk })
  const saved = world.checkpoints.at(-1)
  const attempt = world.attempt++
  await sink.prepare({
    env,
    uid: 'sink',
    fresh: saved === undefined,
    restoredCheckpoint: saved?.checkpoint,
    restoredCommittables: saved?.pending.map(({ committable }) => committable) ?? [],
    restoredWriters: saved?.writers ?? [],
  })
  const contexts = Array.from({ length: parallelism }, (_, subtask): SinkContext => {
    const fail = (error: unknown): never => {
      throw error
    }
    return {
      env,
      uid: 'sink',
      subtask,
      parallelism,
      attempt,
      incarnation: `1-${attempt}`,
      delivery: 'exactly-once',
      wake: () => {},
      fail,
    }
  })
  const writers = contexts.map((context, i) =>
    sink.createWriter(context, saved?.writers.filter((_, k) => k % parallelism === i) ?? []),
  )
  const committer = contexts[0] && sink.createCommitter(contexts[0])
  let pending = saved?.pending ?? []
  await committer?.commit(commitRequests(pending.map(({ committable }) => committable)))
  const cut = async (position: number): Promise<void> => {
    const checkpoint = ++world.checkpointId
    const snapshots = await Promise.all(writers.map((writer) => writer.snapshot(checkpoint)))
    pending = [
      ...pending,
      ...snapshots.flatMap(({ committables }) => committables.map((committable) => ({ checkpoint, committable }))),
    ]
    // From here the checkpoint is restorable.
    world.checkpoints.push(
      structuredClone({ checkpoint, position, pending, writers: snapshots.flatMap(({ states }) => states) }),
    )
    await committer?.commit(commitRequests(pending.map(({ committable }) => committable)))
    pending = []
  }
  for (let i = saved?.position ?? 0; i < count; i++) {
    writers[i % parallelism]?.write(i, 0)
    if ((i + 1) % every === 0) await cut(i + 1)
  }
  for (const writer of writers) writer.endOfInput?.()
  await cut(count)
  for (const writer of writers) await writer.close()
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

const ROLLS: readonly NonNullable<FileSinkOptions['roll']>[] = [
  { every: 'checkpoint' },
  { sizeMax: '1mb' },
  { sizeMax: '30b' },
  { sizeMax: '1mb', ageMax: '0s' },
]
/** Two folders, one of them in another. */
const byParity = (n: number): string => (n % 2 === 0 ? 'even' : 'odd/here')
const FOLDERS = { 'one folder': {}, 'several folders': { bucketOf: byParity } } as const
const ROLLS_AND_FOLDERS = ROLLS.flatMap((roll) =>
  Object.entries(FOLDERS).map(([name, option]) => [roll, name, option] as const),
)

describe('the exactly-once file sink', () => {
  test.each(ROLLS_AND_FOLDERS)(
    'a crash between any two disk operations gives every line once and leaves nothing behind (roll %j, %s)',
    async (roll, _name, folders) => {
      const sink = textSink<number>(OUT, { roll, ...folders })
      const shape = { count: 10, every: 3, parallelism: 2 }
      const whole = new StoppingDisk(new World().disk)
      await runAttempt(new World(), sink, { ...shape, disk: whole })
      expect(whole.operations).toBeGreaterThan(20)
      for (let stopAt = 0; stopAt < whole.operations; stopAt++) {
        const world = new World()
        const stopping = new StoppingDisk(world.disk, stopAt)
        await Promise.race([runAttempt(world, sink, { ...shape, disk: stopping }), stopping.stopped])
        const before = await world.visibleLines()
        const position = world.checkpoints.at(-1)?.position ?? 0
        expect(
          before.every((line) => line < position),
          `stopped at ${stopAt}: only lines of completed checkpoints are visible`,
        ).toBe(true)
        await runAttempt(world, sink, { ...shape, disk: world.disk })
        expect(
          (await world.visibleLines()).toSorted((a, b) => a - b),
          `stopped at ${stopAt}`,
        ).toEqual(numbers(shape.count))
        expect(await world.hiddenFiles(), `stopped at ${stopAt}`).toEqual([])
      }
    },
  )

  const folders = fc.constantFrom(...Object.values(FOLDERS))

  test('several crashes, changes of parallelism and falls back to an older checkpoint give every line once', async () => {
    const step = fc.record({ stopAt: fc.nat(60), parallelism: fc.integer({ min: 1, max: 3 }), fallBack: fc.nat(1) })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 5 }),
        fc.integer({ min: 1, max: 5 }),
        folders,
        async (steps, every, options) => {
          const world = new World()
          const sink = textSink<number>(OUT, options)
          for (const { stopAt, parallelism, fallBack } of steps) {
            const stopping = new StoppingDisk(world.disk, stopAt)
            await Promise.race([
              runAttempt(world, sink, { count: 12, every, parallelism, disk: stopping }),
              stopping.stopped,
            ])
            if (world.checkpoints.length > fallBack) world.checkpoints.length -= fallBack
          }
          await runAttempt(world, sink, { count: 12, every, parallelism: 2, disk: world.disk })
          expect((await world.visibleLines()).toSorted((a, b) => a - b)).toEqual(numbers(12))
          expect(await world.hiddenFiles()).toEqual([])
        },
      ),
      { numRuns: 150 },
    )
  })

  test('the same with files that span checkpoints', async () => {
    const step = fc.record({ stopAt: fc.nat(60), parallelism: fc.integer({ min: 1, max: 3 }) })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 5 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom('5b', '30b', '1mb'),
        folders,
        async (steps, every, sizeMax, options) => {
          const world = new World()
          const sink = textSink<number>(OUT, { roll: { sizeMax }, ...options })
          for (const { stopAt, parallelism } of steps) {
            const stopping = new StoppingDisk(world.disk, stopAt)
            await Promise.race([
              runAttempt(world, sink, { count: 12, every, parallelism, disk: stopping }),
              stopping.stopped,
            ])
          }
          await runAttempt(world, sink, { count: 12, every, parallelism: 2, disk: world.disk })
          expect((await world.visibleLines()).toSorted((a, b) => a - b)).toEqual(numbers(12))
          expect(await world.hiddenFiles()).toEqual([])
        },
      ),
      { numRuns: 150 },
    )
  })

  test('part names sort by checkpoint and subtask', async () => {
    const world = new World()
    await runAttempt(world, jsonLinesSink<number>(OUT), { count: 4, every: 2, parallelism: 2, disk: world.disk })
    const names = (await world.disk.list(OUT)).map(({ name }) => name).filter((name) => name.startsWith('part'))
    expect(names).toEqual([
      'part-sink-r001-c000001-s000-000.jsonl',
      'part-sink-r001-c000001-s001-000.jsonl',
      'part-sink-r001-c000002-s000-000.jsonl',
      'part-sink-r001-c000002-s001-000.jsonl',
    ])
  })

  test('no file is made for a subtask or checkpoint without records', async () => {
    const world = new World()
    await runAttempt(world, textSink<number>(OUT), { count: 0, every: 1, parallelism: 3, disk: world.disk })
    expect((await world.disk.list(OUT)).map(({ name }) => name)).toEqual(['.in-progress'])
  })

  test('output of checkpoints behind the restored one is moved aside, not deleted', async () => {
    const world = new World()
    const sink = textSink<number>(OUT)
    await runAttempt(world, sink, { count: 4, every: 2, parallelism: 1, disk: world.disk })
    world.checkpoints.length = 1
    await runAttempt(world, sink, { count: 4, every: 2, parallelism: 1, disk: world.disk })
    expect((await world.visibleLines()).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3])
    expect([...(await readTree(world.disk, '/out/.superseded')).values()]).toEqual(['2\n3\n'])
  })
})

test('an output directory that may not be written is SNK1004, which no restart repeats', async () => {
  const world = new World()
  world.disk.makeDirectory = async (path: string) => {
    throw new DiskError('denied', 'makeDirectory', path)
  }
  const attempt = runAttempt(world, textSink<number>(OUT, {}), { count: 3, every: 9, parallelism: 1, disk: world.disk })
  await expect(attempt).rejects.toMatchObject({
    code: 'SNK1004',
    retry: 'never',
    message: expect.stringContaining(OUT),
  })
})

describe('a fresh start into a directory with output', () => {
  async function twice(options: TextSinkOptions<number>): Promise<World> {
    const world = new World()
    await writeFile(world.disk, '/out/notes.txt', '7\n')
    const sink = textSink<number>(OUT, options)
    await runAttempt(world, sink, { count: 3, every: 9, parallelism: 1, disk: world.disk })
    world.checkpoints.length = 0
    world.checkpointId = 0
    world.attempt = 0
    await runAttempt(world, sink, { count: 3, every: 9, parallelism: 1, disk: world.disk })
    return world
  }

  test('append keeps it and adds to it', async () => {
    const world = await twice({})
    expect((await world.visibleLines()).toSorted((a, b) => a - b)).toEqual([0, 0, 1, 1, 2, 2, 7])
  })

  test('replace removes the files of this sink only', async () => {
    const world = await twice({ onExisting: 'replace' })
    expect((await world.visibleLines()).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 7])
  })

  test('fail refuses with SNK1004 and touches nothing', async () => {
    await expect(twice({ onExisting: 'fail' })).rejects.toMatchObject({
      code: 'SNK1004',
      message: expect.stringContaining(OUT),
    })
  })
})

interface Bench {
  readonly disk: MemoryDisk
  readonly sink: FileSink<unknown>
  readonly writer: SinkWriter<unknown, FileCommittable, FileWriterState>
  readonly context: SinkContext
  readonly failures: unknown[]
  readonly wakes: () => number
}

async function openWriter(
  disk: MemoryDisk & Disk,
  delivery: SinkContext['delivery'] = 'exactly-once',
  options: TextSinkOptions<unknown> = {},
): Promise<Bench> {
  const env = createManualEnv({ disk })
  const failures: unknown[] = []
  let wakes = 0
  const sink = textSink<unknown>(OUT, { extension: '.jsonl', format: jsonLine, ...options })
  await sink.prepare({
    env,
    uid: 'sink',
    fresh: true,
    restoredCheckpoint: undefined,
    restoredCommittables: [],
    restoredWriters: [],
  })
  const context: SinkContext = {
    env,
    uid: 'sink',
    subtask: 0,
    parallelism: 1,
    attempt: 0,
    incarnation: '1-0',
    delivery,
    wake: () => void wakes++,
    fail: (error) => void failures.push(error),
  }
  return { disk, sink, writer: sink.createWriter(context, []), context, failures, wakes: () => wakes }
}

describe('folders', () => {
  const byName = (name: unknown): string => name as string // what a program without types may return

  async function written(...buckets: readonly unknown[]): Promise<MemoryDisk> {
    const { disk, writer, sink, context } = await openWriter(new MemoryDisk(), 'exactly-once', { bucketOf: byName })
    for (const bucket of buckets) writer.write(bucket, 0)
    const { committables } = await writer.snapshot(1)
    await sink.createCommitter(context)?.commit(commitRequests(committables))
    return disk
  }

  test('each has a file of its own', async () => {
    const disk = await written('a/b', '', 'a', 'a/b')
    const files = [...(await readTree(disk, OUT))].filter(([path]) => !path.startsWith(`${OUT}/.`))
    expect(files).toEqual([
      ['/out/a/b/part-sink-r001-c000001-s000-001.jsonl', '"a/b"\n"a/b"\n'],
      ['/out/a/part-sink-r001-c000001-s000-002.jsonl', '"a"\n'],
      ['/out/part-sink-r001-c000001-s000-000.jsonl', '""\n'],
    ])
  })

  test.each(['..', 'a/../b', '/a', 'a//b', 'a/', '.hidden', 'a\0', 7, null])('%j is none', async (bucket) => {
    await expect(written(bucket)).rejects.toMatchObject({
      code: 'SER1001',
      message: expect.stringContaining('bucketOf'),
    })
  })
})

describe('a leader that goes on preparing when another one has taken the job over', () => {
  const LATE = { epoch: 1_000_001, checkpointMax: 48 }

  async function directoryWith(names: readonly string[]): Promise<MemoryDisk> {
    const disk = new MemoryDisk()
    await disk.makeDirectory(HIDDEN)
    for (const name of names) await writeFile(disk, `${OUT}/${name}`, 'x\n')
    return disk
  }

  async function prepareLate(disk: MemoryDisk): Promise<void> {
    await jsonLinesSink(OUT).prepare({
      env: createManualEnv({ disk }),
      uid: 'sink',
      fresh: false,
      restoredCheckpoint: 42,
      restoredCommittables: [],
      restoredWriters: [{ run: 1 }],
      leader: LATE,
    })
  }

  test('leaves the files that the tasks of the other one are writing', async () => {
    const theirs = '.in-progress/sink/2000001-0-s000-000000.jsonl'
    const disk = await directoryWith(['.in-progress/sink/1000001-0-s000-000000.jsonl', theirs])
    await prepareLate(disk)
    expect([...(await readTree(disk, HIDDEN)).keys()]).toEqual([`${OUT}/${theirs}`, `${HIDDEN}/run`])
  })

  test('leaves output visible that the other one has committed', async () => {
    const theirs = 'part-sink-r001-c000049-s000-000.jsonl'
    const disk = await directoryWith(['part-sink-r001-c000043-s000-000.jsonl', theirs])
    await prepareLate(disk)
    expect(await disk.stat(`${OUT}/${theirs}`)).toBeDefined()
    expect(await disk.stat(`${OUT}/part-sink-r001-c000043-s000-000.jsonl`)).toBeUndefined()
  })
})

describe('a file writer', () => {
  test('blocks when too many bytes are on their way and wakes the task when they are written', async () => {
    const { writer, wakes } = await openWriter(new MemoryDisk())
    const line = 'x'.repeat(1_000_000)
    let written = 0
    while (!writer.isBlocked()) {
      writer.write(line, 0)
      written += line.length
    }
    expect(written).toBeLessThan(IN_FLIGHT_BYTES_MAX + 2_000_000)
    await writer.snapshot(1)
    expect(writer.isBlocked()).toBe(false)
    expect(wakes()).toBe(1)
  })

  test('a full disk is SNK1001: the task fails and the checkpoint is refused', async () => {
    class FullDisk extends MemoryDisk {
      override async openWrite(path: string, mode: 'create' | 'truncate' | 'append'): ReturnType<Disk['openWrite']> {
        const file = await super.openWrite(path, mode)
        if (path.endsWith('.new')) return file
        return {
          path,
          sync: () => file.sync(),
          close: () => file.close(),
          write: () => Promise.reject(new DiskError('no-space', 'write', path)),
        }
      }
    }
    const { writer, failures } = await openWriter(new FullDisk())
    writer.write({ a: 1 }, 0)
    await expect(writer.snapshot(1)).rejects.toMatchObject({
      code: 'SNK1001',
      message: expect.stringContaining('ENOSPC'),
    })
    expect(failures).toEqual([expect.objectContaining({ code: 'SNK1001' })])
    await expect(writer.snapshot(2)).rejects.toMatchObject({ code: 'SNK1001' })
    expect(failures.length).toBe(1)
    await writer.close()
  })

  test('a record that JSON cannot say is SER1001 and is described', async () => {
    const { writer } = await openWriter(new MemoryDisk())
    expect(() => writer.write({ id: 1, total: 2n }, 0)).toThrow(
      expect.objectContaining({ code: 'SER1001', message: expect.stringContaining('{ id: number, total: bigint }') }),
    )
    for (const unwritable of [undefined, () => 1, Symbol('s')])
      expect(() => writer.write(unwritable, 0)).toThrow(expect.objectContaining({ code: 'SER1001' }))
  })

  test('fields that JSON has nothing for are left out, as JSON.stringify does', () => {
    expect(jsonLine({ f: () => 1, s: Symbol('s'), u: undefined })).toBe('{}')
    expect(jsonLine({ list: [undefined, () => 1], ratio: Number.NaN })).toBe('{"list":[null,null],"ratio":null}')
  })

  test('what is written after the cut belongs to the next checkpoint', async () => {
    const { writer, sink, context, disk } = await openWriter(new MemoryDisk())
    writer.write(1, 0)
    const first = writer.snapshot(1)
    writer.write(2, 0)
    const second = writer.snapshot(2)
    const [{ committables: one }, { committables: two }] = [await first, await second]
    await sink.createCommitter(context)?.commit(commitRequests([...one, ...two]))
    const parts = [...(await readTree(disk, OUT))].filter(([path]) => path.startsWith('/out/part'))
    expect(parts.map(([, text]) => text)).toEqual(['1\n', '2\n'])
  })

  test('a file that may span checkpoints stays hidden until it is full, old enough or at the end of the input', async () => {
    const { writer } = await openWriter(new MemoryDisk(), 'exactly-once', { roll: { sizeMax: '1gb' } })
    writer.write(1, 0)
    expect(await writer.snapshot(1)).toEqual({
      committables: [],
      states: [{ run: 1, open: { file: '.in-progress/sink/1-0-s000-000000.jsonl', validBytes: 2 } }],
    })
    writer.write(2, 0)
    writer.endOfInput?.()
    expect(await writer.snapshot(2)).toMatchObject({ committables: [{ sizeBytes: 4 }], states: [{ run: 1 }] })
  })

  test('without checkpointing the one cut at the end closes every file', async () => {
    const { writer } = await openWriter(new MemoryDisk(), 'none', { roll: { sizeMax: '1gb' } })
    writer.write(1, 0)
    expect((await writer.snapshot(0)).committables).toMatchObject([
      { to: 'part-sink-r001-c000000-s000-000.jsonl', sizeBytes: 2 },
    ])
  })

  test('a file is closed at sizeMax even between checkpoints', async () => {
    const { writer } = await openWriter(new MemoryDisk(), 'exactly-once', {
      roll: { every: 'checkpoint', sizeMax: '100kb' },
    })
    for (let i = 0; i < 5; i++) writer.write('x'.repeat(60_000), 0)
    const { committables, states } = await writer.snapshot(1)
    expect(committables.map(({ sizeBytes }) => sizeBytes)).toEqual([120_006, 120_006, 60_003])
    expect(states).toEqual([{ run: 1 }])
  })
})

describe('a file committer', () => {
  async function pending(): Promise<
    Bench & { readonly committables: readonly FileCommittable[]; readonly commit: () => Promise<void> }
  > {
    const bench = await openWriter(new MemoryDisk())
    bench.writer.write({ a: 1 }, 0)
    const { committables } = await bench.writer.snapshot(1)
    return {
      ...bench,
      committables,
      commit: async () => bench.sink.createCommitter(bench.context)?.commit(commitRequests(committables)),
    }
  }

  test('committing twice is committing once', async () => {
    const { commit, disk } = await pending()
    await commit()
    await commit()
    const parts = [...(await readTree(disk, OUT))].filter(([path]) => path.startsWith('/out/part'))
    expect(parts).toEqual([['/out/part-sink-r001-c000001-s000-000.jsonl', '{"a":1}\n']])
  })

  test('a file that is gone is SNK1003 with its name and size', async () => {
    const { commit, disk, committables } = await pending()
    await disk.remove(`${OUT}/${committables[0]?.from}`)
    await expect(commit()).rejects.toMatchObject({
      code: 'SNK1003',
      message: expect.stringMatching(/\.in-progress\/sink\/.*with 8 bytes.*is gone/),
    })
  })

  test('a file of another size is SNK1003', async () => {
    const { commit, disk, committables } = await pending()
    await disk.truncate(`${OUT}/${committables[0]?.from}`, 3)
    await expect(commit()).rejects.toMatchObject({
      code: 'SNK1003',
      message: expect.stringContaining('it has 3 bytes'),
    })
  })

  test('a final name that is taken is SNK1002 and nothing is overwritten', async () => {
    const { commit, disk, committables } = await pending()
    await writeFile(disk, `${OUT}/${committables[0]?.to}`, 'foreign\n')
    await expect(commit()).rejects.toMatchObject({ code: 'SNK1002' })
    expect(new TextDecoder().decode(await disk.read(`${OUT}/${committables[0]?.to}`))).toBe('foreign\n')
  })

  test('both names of one rename, left by a power loss, are one file', async () => {
    const { commit, disk, committables } = await pending()
    await disk.link(`${OUT}/${committables[0]?.from}`, `${OUT}/${committables[0]?.to}`)
    await commit()
    expect([...(await readTree(disk, HIDDEN)).keys()]).toEqual([`${HIDDEN}/run`])
  })

  test('what a failing disk did not let through is to be tried again', async () => {
    const { sink, context, disk, committables } = await pending()
    let left = 1
    const env = createManualEnv({ disk: Object.assign(disk, { rename: rename(disk, () => left-- > 0) }) })
    const committer = sink.createCommitter({ ...context, env })
    const first = commitRequests(committables)
    await committer?.commit(first)
    expect(first).toMatchObject(committables.map(() => ({ verdict: 'later', error: { code: 'DSK1001' } })))
    const second = commitRequests(committables)
    await committer?.commit(second)
    expect(second.map(({ verdict }) => verdict)).toEqual(committables.map(() => 'committed'))
    expect((await readTree(disk, OUT)).size).toBe(committables.length + 1)
  })
})

/** A rename that fails as long as `isBroken`. */
function rename(disk: Disk, isBroken: () => boolean): Disk['rename'] {
  const working = disk.rename.bind(disk)
  return (from, to) => (isBroken() ? Promise.reject(new DiskError('io', 'rename', from)) : working(from, to))
}
