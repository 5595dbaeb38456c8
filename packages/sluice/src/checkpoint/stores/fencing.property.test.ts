import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EngineError } from '../../base/errors.ts'
import type { Random } from '../../base/env.ts'
import { type CheckpointId, type LeaderEpoch, checkpointId } from '../../base/ids.ts'
import { below, seededRandom } from '../../base/random.ts'
import { SimDisk } from '../../testing/sim-disk.ts'
import { SimLife, SimScheduler } from '../../testing/sim-scheduler.ts'
import type { CheckpointStore, IdBlock } from '../checkpoint-store.ts'
import { DirectoryStore } from './directory-store.ts'
import { MemoryStore } from './memory-store.ts'

/*
 * Several leaders of one job over one storage, each of which believes that it leads. Every operation of the disk (of the store in memory: every
 * call) is a step, the order of the steps is drawn, and at some step the power may go. U1 of docs/spec/cluster.md: what an older leader is told to
 * have published was seen by every newer one when it began, or is nobody's.
 */

const LEADERS = 3
const RETAINED = 2
const ROUNDS = 30

interface Reading {
  readonly epoch: LeaderEpoch
  readonly seen: readonly CheckpointId[]
}

/** What the leaders did and were told. */
class Log {
  readonly readings: Reading[] = []
  readonly blocks: (IdBlock & { readonly epoch: LeaderEpoch })[] = []
  /** Told to be published, by whom. */
  readonly published = new Map<CheckpointId, LeaderEpoch>()
  readonly tried = new Set<CheckpointId>()
  readonly discarded = new Set<CheckpointId>()
  refusals = 0

  /** In words, so that a failure says all. */
  problems(): readonly string[] {
    return [...this.#lateOnes(), ...this.#sharedIds()]
  }

  #lateOnes(): readonly string[] {
    return this.readings.flatMap(({ epoch, seen }) =>
      [...this.published]
        .filter(([id, owner]) => owner < epoch && !seen.includes(id) && !this.discarded.has(id))
        .map(([id, owner]) => `${id} was published by epoch ${owner} and not seen by epoch ${epoch}`),
    )
  }

  #sharedIds(): readonly string[] {
    return this.blocks.flatMap((a, at) =>
      this.blocks
        .slice(at + 1)
        .filter((b) => a.first <= b.last && b.first <= a.last)
        .map((b) => `epochs ${a.epoch} and ${b.epoch} share ids from ${a.first} or ${b.first} on`),
    )
  }
}

interface LeaderOptions {
  readonly store: CheckpointStore
  readonly random: Random
  readonly log: Log
  readonly pause: () => Promise<void>
}

/** Ends when it is fenced, when the storage fails, or after some rounds. */
async function lead(options: LeaderOptions): Promise<void> {
  try {
    await new Leader(options).run()
  } catch (error) {
    if (!(error instanceof EngineError) || !['CKP1001', 'CKP1002', 'CKP1007'].includes(error.code)) throw error
    options.log.refusals++
  }
}

class Leader {
  readonly #options: LeaderOptions
  #epoch = 0 as LeaderEpoch // claimed before it is used
  #ids: CheckpointId[] = []
  #completed: CheckpointId[] = []

  constructor(options: LeaderOptions) {
    this.#options = options
  }

  async run(): Promise<void> {
    const { store, log, random, pause } = this.#options
    this.#epoch = await store.claimEpoch()
    await pause()
    const block = await store.seal(this.#epoch)
    this.#addIds(block)
    await pause()
    await store.discardUnpublished(block.first)
    const seen = await store.published()
    log.readings.push({ epoch: this.#epoch, seen })
    this.#completed = [...seen]
    await store.forgetBelow(seen[0] ?? checkpointId(this.#ids[0] ?? 1))
    for (let round = 0; round < ROUNDS; round++) {
      await pause()
      if (this.#ids.length < 4) this.#addIds(await store.reserveIds(this.#epoch))
      const batch = this.#ids.splice(0, 1 + below(random, 2))
      const outcomes = await Promise.all(batch.map((id) => this.#checkpoint(id)))
      if (outcomes.includes('exists')) return void log.refusals++
      await this.#retain()
    }
  }

  #addIds(block: IdBlock): void {
    this.#options.log.blocks.push({ ...block, epoch: this.#epoch })
    for (let id = block.first as number; id <= block.last; id++) this.#ids.push(checkpointId(id))
  }

  async #checkpoint(id: CheckpointId): Promise<'published' | 'exists' | 'given up'> {
    const { store, random, log, pause } = this.#options
    const writer = await store.openData(id, 'map-0')
    await writer.finish()
    await pause()
    if (below(random, 5) === 0) {
      await store.discard(id)
      return 'given up'
    }
    log.tried.add(id)
    const outcome = await store.publish(id, new TextEncoder().encode(`manifest ${id}`))
    if (outcome === 'published') {
      log.published.set(id, this.#epoch)
      this.#completed = [...this.#completed, id].sort((a, b) => a - b)
    }
    return outcome
  }

  async #retain(): Promise<void> {
    const { store, log } = this.#options
    for (const id of this.#completed.splice(0, this.#completed.length - RETAINED)) {
      log.discarded.add(id)
      await store.discard(id)
    }
    await store.forgetBelow(checkpointId(this.#completed[0] ?? this.#ids[0] ?? 1))
  }
}

interface Given {
  readonly seed: number
  /** Steps until all machines lose power; undefined: they run to their end. */
  readonly powerLossAt: number | undefined
  readonly faults: 'none' | 'some'
}

const given: fc.Arbitrary<Given> = fc.record({
  seed: fc.nat(),
  powerLossAt: fc.option(fc.integer({ min: 20, max: 2_500 }), { nil: undefined }),
  faults: fc.constantFrom('none' as const, 'none' as const, 'some' as const),
})

async function runOnDisk({ seed, powerLossAt, faults }: Given): Promise<Log> {
  const random = seededRandom(seed)
  const scheduler = new SimScheduler({ random, eventCostMaxMs: 0.01 })
  const disk = new SimDisk({ scheduler, random, delayMaxMs: 2 })
  if (faults === 'some')
    disk.faults = {
      faultOf: () =>
        below(random, 400) === 0 ? { failure: 'io', effect: random.fraction() < 0.5 ? 'whole' : 'none' } : undefined,
    }
  const log = new Log()
  const lives = Array.from({ length: LEADERS }, (_, index) => new SimLife(index, 0))
  lives.forEach((life, index) => {
    const store = new DirectoryStore({ disk: disk.of(life), root: '/shared/ckpt', random: seededRandom(seed + index) })
    const pause = (): Promise<void> =>
      new Promise((resolve) => {
        const delayMs = random.fraction() * (below(random, 30) === 0 ? 800 : 5)
        scheduler.after(life, delayMs, 'pause', resolve)
      })
    scheduler.after(life, index * random.fraction() * 300, 'start', () => void lead({ store, random, log, pause }))
  })
  await scheduler.run(() => (powerLossAt !== undefined && scheduler.steps >= powerLossAt ? 'stop' : 'go-on'))
  for (const life of lives) life.end()
  if (powerLossAt !== undefined)
    disk.crash({ keepsName: () => random.fraction() < 0.5, keptBytes: (n) => below(random, n + 1) })
  disk.faults = { faultOf: () => undefined }
  const last = new SimLife(LEADERS, scheduler.nowMs)
  const store = new DirectoryStore({ disk: disk.of(last), root: '/shared/ckpt', random })
  let failure: unknown
  scheduler.after(last, 1, 'look', () => {
    readAtLast(store, log).catch((error: unknown) => (failure = error))
  })
  await scheduler.run(() => 'go-on')
  if (failure !== undefined) throw failure
  return log
}

/** A last leader that only reads. */
async function readAtLast(store: CheckpointStore, log: Log): Promise<void> {
  const before = await store.published()
  const epoch = await store.claimEpoch()
  await store.seal(epoch)
  const seen = await store.published()
  log.readings.push({ epoch, seen })
  expect(seen).toEqual(before)
  for (const id of seen) {
    expect(log.tried).toContain(id)
    expect(new TextDecoder().decode(await store.readManifest(id))).toBe(`manifest ${id}`)
  }
  const newest = Math.max(0, ...[...log.published.keys()].filter((id) => !log.discarded.has(id)))
  if (newest > 0) expect(seen).toContain(newest)
}

const RUNS = { numRuns: 60 }

test('on a disk: nothing of an older leader is published once a newer one has read, whatever the order of the steps', async () => {
  let refusals = 0
  await fc.assert(
    fc.asyncProperty(given, async (one) => {
      const log = await runOnDisk(one)
      refusals += log.refusals
      expect(log.problems()).toEqual([])
    }),
    RUNS,
  )
  expect(refusals).toBeGreaterThan(0)
}, 120_000)

test('in memory: the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.nat(), async (scheduler, seed) => {
      const store = new MemoryStore()
      const log = new Log()
      const random = seededRandom(seed)
      const pause = (): Promise<void> => scheduler.schedule(Promise.resolve(), 'pause')
      const leaders = Array.from({ length: LEADERS }, async () => {
        await pause()
        await lead({ store: stepwise(store, pause), random, log, pause })
      })
      await scheduler.waitFor(Promise.all(leaders))
      await readAtLast(store, log)
      expect(log.problems()).toEqual([])
    }),
    { numRuns: 40 },
  )
}, 60_000)

/** Every call waits for its turn, and so does the news of its result. */
function stepwise(store: MemoryStore, pause: () => Promise<void>): CheckpointStore {
  return new Proxy(store, {
    get(target, name: keyof CheckpointStore) {
      const method = target[name].bind(target) as (...args: unknown[]) => Promise<unknown> // all methods of a store are async, but one that is not called here
      return async (...args: unknown[]) => {
        await pause()
        const result = await method(...args)
        await pause()
        return result
      }
    },
  })
}
