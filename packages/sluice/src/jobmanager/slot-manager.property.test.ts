import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Asking, ScriptedCluster } from '../../test/scripted-task-managers.ts'

type Action =
  | { readonly kind: 'join' | 'leave'; readonly host: string; readonly slots: number }
  | { readonly kind: 'ask' | 'release' | 'kill'; readonly job: number }
  | { readonly kind: 'want'; readonly job: number; readonly slots: number }
  | { readonly kind: 'lose' | 'ready'; readonly pick: number }
  | { readonly kind: 'wait'; readonly ms: number }

const job = fc.integer({ min: 0, max: 2 })
const pick = fc.nat({ max: 30 })
const anyAction: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('join' as const, 'join' as const, 'leave' as const),
    host: fc.constantFrom('x', 'y', 'z'),
    slots: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ kind: fc.constantFrom('ask' as const, 'ask' as const, 'release' as const, 'kill' as const), job }),
  fc.record({ kind: fc.constant('want' as const), job, slots: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constantFrom('lose' as const, 'ready' as const), pick }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(0, 500, 1000, 10_000, 60_000) }),
)

/** The cluster with what its TaskManagers know: which slots run there. */
class Watched {
  readonly cluster = new ScriptedCluster()
  readonly jobs: readonly Asking[]
  readonly live = new Map<string, string>()
  readonly #sizes = new Map<string, number>()

  constructor(starts: 'at once' | 'never') {
    this.cluster.starts = starts
    this.jobs = [
      new Asking(this.cluster, 'a', 2),
      new Asking(this.cluster, 'b', 3, { mode: 'fixed' }),
      new Asking(this.cluster, 'c', 4),
    ]
  }

  async act(action: Action): Promise<void> {
    const { cluster } = this
    switch (action.kind) {
      case 'join':
        if (this.#sizes.has(action.host)) break
        this.#sizes.set(action.host, action.slots)
        cluster.join(action.host, action.slots)
        break
      case 'leave':
        if (!this.#sizes.delete(action.host)) break
        for (const [allocation, host] of this.live) if (host === action.host) this.live.delete(allocation)
        cluster.leave(action.host)
        break
      case 'ask':
        this.jobs[action.job]?.ask()
        break
      case 'want':
        this.jobs[action.job]?.pool.want(action.slots)
        break
      case 'release':
        await this.jobs[action.job]?.pool.release()
        break
      case 'kill':
        this.jobs[action.job]?.gateways[0]?.kill()
        break
      case 'lose':
      case 'ready':
        this.#onSlot(action.kind, action.pick)
        break
      case 'wait':
        await cluster.env.advanceAndSettle(action.ms)
        break
    }
    await cluster.env.settle()
    this.#follow()
  }

  /** Everything starts, nothing fails any more, and there is room for all. */
  async calm(): Promise<void> {
    const { cluster } = this
    cluster.starts = 'at once'
    await this.act({ kind: 'join', host: 'big', slots: 20 })
    for (const allocation of this.live.keys()) this.#end(allocation)
    for (const one of this.jobs) {
      one.take()
      one.ask()
    }
    await cluster.env.advanceAndSettle(120_000)
    this.#follow()
  }

  #onSlot(kind: 'lose' | 'ready', index: number): void {
    const all = [...this.live.keys()]
    const allocation = all[index % Math.max(1, all.length)]
    if (allocation === undefined) return
    if (kind === 'lose') return this.#end(allocation)
    for (const id of this.cluster.starting.keys()) if (id === allocation) this.cluster.ready(id)
  }

  #end(allocation: string): void {
    this.live.delete(allocation)
    this.cluster.lose(allocation)
  }

  /** What a TaskManager makes of its messages; checks that no slot is given twice. */
  #follow(): void {
    for (const line of this.cluster.sent.splice(0)) {
      const [host = '', kind = '', named = ''] = line.split(':')
      const allocation = named.split('#')[0] ?? ''
      if (!this.#sizes.has(host)) continue
      if (kind === 'start-slot') this.live.set(allocation, host)
      if (kind === 'release-slot') this.live.delete(allocation)
      if (kind === 'kill-slot' && this.live.has(allocation)) this.#end(allocation)
      const used = [...this.live.values()].filter((on) => on === host).length
      expect(used).toBeLessThanOrEqual(this.#sizes.get(host) ?? 0)
    }
  }
}

function checkGiven(one: Asking): void {
  const given = one.gateways.map(({ slot }) => slot)
  expect(given).toEqual(given.map((_, index) => index)) // Q1
}

test('whatever comes and goes, no slot is given twice, numbers have no gaps, and every job is served in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyAction, { maxLength: 40 }), fc.boolean(), async (actions, slow) => {
      const watched = new Watched(slow ? 'never' : 'at once')
      for (const action of actions) {
        await watched.act(action)
        watched.jobs.forEach(checkGiven)
        expect(watched.cluster.manager.slotsFree).toBeGreaterThanOrEqual(0)
      }
      await watched.calm()
      for (const one of watched.jobs) {
        expect(one.gateways.length).toBe(one.pool.slotCount)
        checkGiven(one)
      }
    }),
    { numRuns: 150 },
  )
})
