import { expect, test } from 'vitest'
import { seededRandom } from '../src/base/random.ts'
import type { Sink } from '../src/connector/sink.ts'
import { functionSink } from '../src/connector/function-sink.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { type Found, SPLIT_RECORDS, eventSource, foundSource } from './found-source.ts'
import { failures, startInlineJob } from './inline-job.ts'

/** Committed records by the committable that brought them: a second commit of one changes nothing. */
function collectingSink(committed: Map<string, readonly string[]>): Sink<string, { id: string; values: string[] }> {
  return {
    kind: 'collecting',
    identity: null,
    createWriter: (context) => {
      let values: string[] = []
      return {
        write: (value) => void values.push(value),
        isBlocked: () => false,
        snapshot: async (checkpoint) => {
          const id = `${context.incarnation}/${context.subtask}/${checkpoint}`
          const committables = values.length === 0 ? [] : [{ id, values }]
          values = []
          return { committables, states: [] }
        },
        close: async () => {},
      }
    },
    createCommitter: () => ({
      commit: async (requests) => {
        for (const { committable } of requests) committed.set(committable.id, committable.values)
      },
    }),
  }
}

function expectEachOnce(committed: ReadonlyMap<string, readonly string[]>, names: readonly string[]): void {
  const expected = names.flatMap((name) => Array.from({ length: SPLIT_RECORDS }, (_, n) => `${name}/${n}`))
  expect([...committed.values()].flat().sort()).toEqual(expected.sort())
}

const NONE = WatermarkStrategy.noWatermarks<string>()

test('splits that appear while the job runs are read exactly once, whatever fails meanwhile', async () => {
  const seed = Number(process.env['SEED'] ?? 11)
  const random = seededRandom(seed)
  const below = (max: number): number => Math.floor(random.fraction() * max)
  for (let run = 0; run < 12; run++) {
    const found: Found = { names: [], isComplete: false, log: [] }
    const committed = new Map<string, readonly string[]>()
    const fail = failures(...Array.from({ length: 3 }, () => 1 + below(120)))
    const restoredSplits = run % 2 === 0 ? 'readers' : 'enumerator'
    const job = await startInlineJob(
      (env) => {
        env
          .fromSource(foundSource(found, { periodMs: 50 + below(400), restoredSplits }), NONE, {
            uid: 'found',
            rateLimit: 20 + below(60),
          })
          .map((value) => (fail(), value))
          .sinkTo(collectingSink(committed))
          .uid('out')
      },
      { parallelism: 1 + below(3), options: { 'checkpoint.interval': `${100 + below(900)}ms` } },
    )
    for (let name = 0; name < 12; name++) {
      found.names.push(`s${name}`)
      await job.env.advanceAndSettle(below(800))
    }
    found.isComplete = true
    const { state, restartCount } = await job.toEnd()
    expect(state, `SEED=${seed}, run ${run}`).toBe('finished')
    expect(restartCount, `SEED=${seed}, run ${run}`).toBeGreaterThan(0)
    expectEachOnce(committed, found.names)
  }
}, 30_000)

test('splits that the readers had at the checkpoint are handed back with their positions, when the source wants them', async () => {
  const found: Found = { names: ['a', 'b', 'c'], isComplete: true, log: [] }
  const committed = new Map<string, readonly string[]>()
  const fail = failures(20)
  const job = await startInlineJob(
    (env) => {
      env
        .fromSource(foundSource(found, { restoredSplits: 'enumerator' }), NONE, { uid: 'found', rateLimit: 10 })
        .map((value) => (fail(), value))
        .sinkTo(collectingSink(committed))
        .uid('out')
    },
    { parallelism: 2 },
  )
  const { state, restartCount } = await job.toEnd()
  expect([state, restartCount]).toEqual(['finished', 1])
  expect(found.log).toEqual([
    expect.stringMatching(/^back from 0: a@[1-9] c@0$/),
    expect.stringMatching(/^back from 1: b@[1-9]$/),
  ])
  expectEachOnce(committed, found.names)
})

test('a source whose looking fails restarts the job and says so', async () => {
  let looks = 0
  const found: Found = { names: ['a'], isComplete: true, log: [] }
  const source = foundSource(found)
  const committed = new Map<string, readonly string[]>()
  const looking: typeof source = {
    ...source,
    createEnumerator: (context, restored) => {
      const look = (): void => {
        if (++looks === 3) throw new RangeError('the folder is away')
      }
      context.callAsync(look, () => {}, { periodMs: 100 })
      return source.createEnumerator(context, restored)
    },
  }
  const job = await startInlineJob((env) => {
    env.fromSource(looking, NONE, { uid: 'found', rateLimit: 10 }).sinkTo(collectingSink(committed)).uid('out')
  })
  const { state, failures: reported } = await job.toEnd()
  expect([state, reported.map(({ error }) => error.code)]).toEqual(['finished', ['SRC1005']])
  expectEachOnce(committed, found.names)
})

test('events and splits reach a reader in the order in which they were sent, and readers say hello again after a restart', async () => {
  const seen: unknown[] = []
  const hellos: unknown[] = []
  const fail = failures(3)
  const source = eventSource({
    hello: (subtask) => ({ from: subtask, at: new Date(0) }),
    answer: (subtask, event) => {
      hellos.push(event)
      return `hello ${subtask}`
    },
    eventCount: 2,
  })
  const job = await startInlineJob(
    (env) => {
      env
        .fromSource(source, WatermarkStrategy.noWatermarks(), { uid: 'events' })
        .map((value) => (fail(), value))
        .sinkTo(functionSink((value) => seen.push(value)))
    },
    { parallelism: 2 },
  )
  const { state, restartCount } = await job.toEnd()
  expect([state, restartCount]).toEqual(['finished', 1])
  expect(hellos).toHaveLength(4)
  expect(hellos[0]).toEqual({ from: 0, at: new Date(0) })
  expect(seen.slice(-4)).toEqual(
    expect.arrayContaining(
      [0, 1].flatMap((subtask) => [
        { subtask, heard: `split hello ${subtask}` },
        { subtask, heard: `hello ${subtask}` },
      ]),
    ),
  )
})
