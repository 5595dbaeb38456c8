import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { artifactHash, jobId, taskManagerId } from '../base/ids.ts'
import { usableSlots } from '../graph/slot-groups.ts'
import { type SlotClaim, type SlotHost, type SlotSettings, goesOnAtMs, planSlots } from './slot-policy.ts'
import { waitingWords } from './slot-words.ts'

const ADAPTIVE: SlotSettings = { mode: 'adaptive', slotWaitMs: 10_000, restartSlotWaitMs: 1000, settleMs: 1000 }
const FIXED: SlotSettings = { ...ADAPTIVE, mode: 'fixed' }
const BUNDLE = artifactHash('b')

function host(id: string, slotCount: number, used: Readonly<Record<string, number>> = {}): SlotHost {
  const byJob = new Map(Object.entries(used).map(([job, count]) => [jobId(job), count]))
  return { id: taskManagerId(id), slotCount, used: byJob, artifacts: new Set() }
}

function claim(job: string, wanted: number, more: Partial<SlotClaim> = {}): SlotClaim {
  return {
    job: jobId(job),
    artifact: BUNDLE,
    settings: ADAPTIVE,
    wanted,
    held: 0,
    sinceMs: 0,
    waitMs: 10_000,
    seen: { slots: 0, sinceMs: 0 },
    avoid: new Set(),
    ...more,
  }
}

function plan(hosts: readonly SlotHost[], claims: readonly SlotClaim[], nowMs = 0): ReturnType<typeof planSlots> {
  return planSlots({ hosts, claims, wishes: [] }, nowMs)
}

/** `a:x,x b:y` – jobs and where they got slots. */
function granted(hosts: readonly SlotHost[], claims: readonly SlotClaim[], nowMs = 0): string {
  return plan(hosts, claims, nowMs)
    .grants.map((grant) => `${grant.job}:${grant.hosts.join(',')}`)
    .join(' ')
}

describe('where slots are given', () => {
  const rows: readonly (readonly [string, readonly SlotHost[], SlotClaim, string])[] = [
    ['over all TaskManagers', [host('x', 2), host('y', 2)], claim('a', 3), 'a:x,y,x'],
    ['the least used first', [host('x', 4, { b: 2 }), host('y', 4, { b: 1 })], claim('a', 1), 'a:y'],
    ['the least used by share', [host('x', 4, { b: 2 }), host('y', 10, { b: 3 })], claim('a', 1), 'a:y'],
    ['spread goes before use', [host('x', 4, { a: 1 }), host('y', 4, { b: 3 })], claim('a', 2, { held: 1 }), 'a:y'],
    [
      'away from where one was lost',
      [host('x', 4), host('y', 4, { b: 3 })],
      claim('a', 1, { avoid: new Set([taskManagerId('x')]) }),
      'a:y',
    ],
    [
      'where one was lost if there is no other place',
      [host('x', 4), host('y', 1, { b: 1 })],
      claim('a', 1, { avoid: new Set([taskManagerId('x')]) }),
      'a:x',
    ],
    [
      'where the bundle is, among equals',
      [host('x', 2), { ...host('y', 2), artifacts: new Set([BUNDLE]) }],
      claim('a', 1),
      'a:y',
    ],
    [
      'not where the bundle is, among unequals',
      [host('x', 2), { ...host('y', 2, { b: 1 }), artifacts: new Set([BUNDLE]) }],
      claim('a', 1),
      'a:x',
    ],
  ]
  test.each(rows)('%s', (_, hosts, wanting, expected) => expect(granted(hosts, [wanting])).toBe(expected))
})

describe('when slots are given', () => {
  const two = [host('x', 1), host('y', 1)]
  const seen = { slots: 2, sinceMs: 0 }

  test('all at once as soon as they are there', () => expect(granted(two, [claim('a', 2)])).toBe('a:x,y'))

  test('none before the wait is over when there are fewer', () => {
    expect(granted(two, [claim('a', 3)], 9999)).toBe('')
  })

  test('as many as there are after the wait', () => {
    expect(granted(two, [claim('a', 3, { seen })], 10_000)).toBe('a:x,y')
  })

  test('not before their number has settled', () => {
    const late = claim('a', 3, { seen: { slots: 2, sinceMs: 9500 } })
    expect([granted(two, [late], 10_499), granted(two, [late], 10_500)]).toEqual(['', 'a:x,y'])
  })

  test('a number that never settles ends the wait at last', () => {
    expect(goesOnAtMs(claim('a', 3, { seen: { slots: 2, sinceMs: 1e6 } }))).toBe(20_000)
  })

  test('never fewer than wanted in fixed mode', () => {
    expect(granted(two, [claim('a', 3, { settings: FIXED, seen })], 1e9)).toBe('')
  })

  test('an adaptive job never goes on with nothing', () => expect(granted([], [claim('a', 1)], 1e9)).toBe(''))

  test('a job that holds slots goes on with them after the wait', () => {
    const wanting = claim('a', 3, { held: 2, seen, waitMs: 1000 })
    expect(granted([], [wanting], 1000)).toBe('a:')
  })

  test('the plan says when to look again', () => {
    expect(plan(two, [claim('a', 3)]).lookAgainAtMs).toBe(10_000)
    expect(plan(two, [claim('a', 3, { seen: { slots: 1, sinceMs: 0 } })], 9900).lookAgainAtMs).toBe(10_000)
    expect(plan(two, [claim('a', 3, { settings: FIXED })], 10_000).lookAgainAtMs).toBe(Infinity)
  })
})

describe('who is served first', () => {
  const three = [host('x', 3)]

  test('the older job', () => expect(granted(three, [claim('a', 3), claim('b', 1)])).toBe('a:x,x,x'))

  test('a job within its wait keeps what is free from those behind it', () => {
    expect(granted(three, [claim('a', 4), claim('b', 1)])).toBe('')
  })

  test('others pass a job that has waited in vain', () => {
    expect(granted(three, [claim('a', 4, { settings: FIXED }), claim('b', 1)], 10_000)).toBe('b:x')
  })

  test('two half-served jobs do not block each other: the younger gives back', () => {
    const full = [host('x', 4, { a: 2, b: 2 })]
    const half = { settings: FIXED, held: 2, seen: { slots: 2, sinceMs: 0 } }
    const claims = [claim('a', 4, half), claim('b', 4, half)]
    expect([plan(full, claims, 9999).yields, plan(full, claims, 10_000).yields]).toEqual([[], ['b']])
    const given = [host('x', 4, { a: 2 })]
    expect(granted(given, [claim('a', 4, half), claim('b', 4, { ...half, held: 0 })], 10_000)).toBe('a:x,x')
  })

  test('an older job gives back what does not help it when that serves a younger one', () => {
    const claims = [claim('a', 4, { settings: FIXED, held: 3 }), claim('b', 2)]
    expect(plan([host('x', 3, { a: 3 })], claims, 10_000).yields).toEqual(['a'])
  })

  test('nobody gives back what would serve nobody', () => {
    const claims = [claim('a', 9, { settings: FIXED, held: 3 }), claim('b', 5, { settings: FIXED })]
    expect(plan([host('x', 3, { a: 3 })], claims, 10_000).yields).toEqual([])
  })

  test('what is offered to one job is not offered to the next', () => {
    const wishes = [
      { job: jobId('a'), held: 1, wanted: 3 },
      { job: jobId('b'), held: 1, wanted: 3 },
      { job: jobId('c'), held: 2, wanted: 2 },
    ]
    const { offers } = planSlots({ hosts: [host('x', 7, { a: 1, b: 1, c: 2 })], claims: [], wishes }, 0)
    expect([...offers]).toEqual([
      ['a', 3],
      ['b', 2],
      ['c', 2],
    ])
  })

  test('nothing is offered while a job within its wait needs it', () => {
    const wishes = [{ job: jobId('a'), held: 1, wanted: 3 }]
    const { offers } = planSlots({ hosts: [host('x', 3, { a: 1 })], claims: [claim('b', 4)], wishes }, 0)
    expect([...offers]).toEqual([['a', 1]])
  })
})

describe('a job that cannot use every number of slots', () => {
  const steps = [2, 4, 6]

  test('is given as many as it can use', () => {
    const seen = { slots: 4, sinceMs: 0 }
    expect(granted([host('x', 5)], [claim('a', 6, { steps, seen })], 10_000)).toBe('a:x,x,x,x')
  })

  test('waits when there are fewer than its least, however long, and others pass it', () => {
    expect(granted([host('x', 1)], [claim('a', 6, { steps })], 1e9)).toBe('')
    expect(granted([host('x', 1)], [claim('a', 6, { steps }), claim('b', 1)], 1e9)).toBe('b:x')
  })

  test('goes on with one too many that it holds', () => {
    const seen = { slots: 4, sinceMs: 0 }
    expect(granted([], [claim('a', 6, { steps, held: 5, seen, waitMs: 1000 })], 1000)).toBe('a:')
  })

  test('does not block another one of the kind: the younger gives back', () => {
    const half = { steps, held: 1, waitMs: 1000 }
    const claims = [claim('a', 2, half), claim('b', 2, half)]
    const full = [host('x', 2, { a: 1, b: 1 })]
    expect([plan(full, claims, 9999).yields, plan(full, claims, 10_000).yields]).toEqual([[], ['b']])
  })

  test('is offered what it can use', () => {
    const wishes = [
      { job: jobId('a'), held: 2, wanted: 6, steps },
      { job: jobId('b'), held: 1, wanted: 3 },
    ]
    const { offers } = planSlots({ hosts: [host('x', 6, { a: 2, b: 1 })], claims: [], wishes }, 0)
    expect([...offers]).toEqual([
      ['a', 4],
      ['b', 2],
    ])
  })

  test('says what it waits for', () => {
    const hosts = [host('x', 1)]
    const [waiting] = plan(hosts, [claim('a', 6, { steps })]).waiting
    expect(waitingWords('orders', waiting ?? claim('a', 6, { steps }), hosts)).toContain(
      'job "orders" needs 6 slots and can use none of those there are; 1 TaskManager with 1 slot is registered. ' +
        'It waits for 2: one for each of its slot-sharing groups.',
    )
  })
})

describe('what is said about a wait', () => {
  const waitOf = (hosts: readonly SlotHost[], wanting: SlotClaim): string =>
    waitingWords('orders', plan(hosts, [wanting]).waiting[0] ?? wanting, hosts)

  test('a fixed job names what there is and what to do', () => {
    expect(waitOf([host('x', 1), host('y', 1)], claim('a', 4, { settings: FIXED }))).toBe(
      'job "orders" needs 4 slots and has 2; 2 TaskManagers with 1 slot each are registered. It waits for more. ' +
        'Start another TaskManager, or lower the parallelism, or set scheduler.mode to adaptive.',
    )
  })

  test('an adaptive job says with how many it goes on, and when', () => {
    expect(waitOf([host('x', 3, { b: 1 }), host('y', 1, { b: 1 })], claim('a', 4))).toBe(
      'job "orders" needs 4 slots and has 2; 2 TaskManagers with 4 slots in all are registered, 2 of them in use. ' +
        'It waits for more and goes on with 2 10.0 s after it asked. Start another TaskManager to run all of it.',
    )
  })

  test('an adaptive job without any slot waits for the first', () => {
    expect(waitOf([], claim('a', 4))).toContain('has none; no TaskManager is registered. It waits for the first one.')
  })
})

/** A cluster that carries plans out, and forgets nothing. */
class Model {
  readonly slots = new Map<string, number>()
  readonly held = new Map<string, string[]>()
  readonly claims = new Map<string, SlotClaim>()
  nowMs = 0

  hosts(): readonly SlotHost[] {
    return [...this.slots].map(([id, slotCount]) => {
      const used: Record<string, number> = {}
      for (const [job, on] of this.held) {
        const count = on.filter((at) => at === id).length
        if (count > 0) used[job] = count
      }
      return host(id, slotCount, used)
    })
  }

  settle(): void {
    for (let round = 0; round < 100; round++) {
      const made = plan(this.hosts(), this.ordered(), this.nowMs)
      for (const grant of made.grants) this.#give(grant.job, grant.hosts)
      for (const waiting of made.waiting) this.claims.set(waiting.job, waiting)
      for (const job of made.yields) this.held.set(job, [])
      if (made.grants.length === 0 && made.yields.length === 0) return
    }
    expect.unreachable('plans never come to rest')
  }

  ordered(): readonly SlotClaim[] {
    return [...this.claims.values()]
      .toSorted((a, b) => (a.job < b.job ? -1 : 1))
      .map((one) => ({ ...one, held: this.held.get(one.job)?.length ?? 0 }))
  }

  #give(job: string, hosts: readonly string[]): void {
    const wanting = this.claims.get(job)
    const held = [...(this.held.get(job) ?? []), ...hosts]
    expect(held.length).toBeLessThanOrEqual(wanting?.wanted ?? 0) // A2
    if (wanting?.settings.mode === 'fixed') expect(held.length).toBe(wanting.wanted)
    expect(usableSlots(wanting?.steps, held.length)).toBeGreaterThan(0)
    this.held.set(job, held)
    this.claims.delete(job)
    for (const [id, slotCount] of this.slots) {
      const used = [...this.held.values()].flat().filter((at) => at === id).length
      expect(used).toBeLessThanOrEqual(slotCount) // A1
    }
  }
}

type Action =
  | { readonly kind: 'join'; readonly host: string; readonly slotCount: number }
  | { readonly kind: 'gone'; readonly host: string }
  | {
      readonly kind: 'ask'
      readonly job: string
      readonly steps: readonly number[]
      readonly mode: 'adaptive' | 'fixed'
    }
  | { readonly kind: 'lose'; readonly job: string }
  | { readonly kind: 'end'; readonly job: string }
  | { readonly kind: 'wait'; readonly ms: number }

const anyHost = fc.constantFrom('x', 'y', 'z')
const anyJob = fc.constantFrom('a', 'b', 'c', 'd')
const anyAction: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constant('join' as const), host: anyHost, slotCount: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('gone' as const), host: anyHost }),
  fc.record({
    kind: fc.constant('ask' as const),
    job: anyJob,
    steps: fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { minLength: 1 }).map((all) => all.toSorted((a, b) => a - b)),
    mode: fc.constantFrom('adaptive' as const, 'fixed' as const),
  }),
  fc.record({ kind: fc.constant('lose' as const), job: anyJob }),
  fc.record({ kind: fc.constant('end' as const), job: anyJob }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 500, 1000, 10_000) }),
)

function ask(model: Model, job: string, steps: readonly number[], settings: SlotSettings): void {
  const wanted = steps.at(-1) ?? 1
  const held = model.held.get(job) ?? []
  if (model.claims.has(job) || held.length >= wanted) return
  const since = { sinceMs: model.nowMs, seen: { slots: 0, sinceMs: model.nowMs } }
  model.claims.set(job, claim(job, wanted, { settings, steps, ...since, waitMs: held.length > 0 ? 1000 : 10_000 }))
}

function act(model: Model, action: Action): void {
  switch (action.kind) {
    case 'join':
      if (!model.slots.has(action.host)) model.slots.set(action.host, action.slotCount)
      return
    case 'gone':
      model.slots.delete(action.host)
      for (const [job, on] of model.held)
        model.held.set(
          job,
          on.filter((at) => at !== action.host),
        )
      return
    case 'ask':
      return ask(model, action.job, action.steps, action.mode === 'fixed' ? FIXED : ADAPTIVE)
    case 'lose':
      return void model.held.get(action.job)?.pop()
    case 'end':
      model.held.delete(action.job)
      model.claims.delete(action.job)
      return
    case 'wait':
      model.nowMs += action.ms
      return
  }
}

describe('whatever happens', () => {
  test('no slot is given twice, no job gets more than it wants, and plans come to rest', () => {
    fc.assert(
      fc.property(fc.array(anyAction, { maxLength: 40 }), (actions) => {
        const model = new Model()
        for (const action of actions) {
          act(model, action)
          model.settle()
        }
      }),
      { numRuns: 300 },
    )
  })

  test('every job is served within its wait when there are slots for all of them', () => {
    fc.assert(
      fc.property(fc.array(anyAction, { maxLength: 30 }), (actions) => {
        const model = new Model()
        for (const action of actions) {
          act(model, action)
          model.settle()
        }
        const needed = model.ordered().reduce((sum, { wanted, held }) => sum + wanted - held, 0)
        if (needed > 0) model.slots.set('big', needed)
        model.settle()
        expect([...model.claims.keys()]).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test('an adaptive job is served after its wait when there are free slots that it can use, and a fixed one as soon as enough are', () => {
    fc.assert(
      fc.property(fc.array(anyAction, { maxLength: 30 }), (actions) => {
        const model = new Model()
        for (const action of actions) {
          act(model, action)
          model.settle()
        }
        for (let ms = 0; ms < 40_000; ms += 500) {
          model.nowMs += 500
          model.settle()
        }
        const free = model.hosts().reduce((sum, one) => sum + one.slotCount, 0) - [...model.held.values()].flat().length
        for (const { settings, steps, wanted, held } of model.ordered()) {
          if (settings.mode === 'adaptive') expect(usableSlots(steps, free + held)).toBe(0)
          else expect(free).toBeLessThan(wanted - held)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('the slots of a job on TaskManagers that are alike are spread to within one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }), fc.nat(), (count, each, seed) => {
        const hosts = Array.from({ length: count }, (_, index) => host(`h${index}`, each))
        const wanted = 1 + (seed % (count * each))
        const on = plan(hosts, [claim('a', wanted)]).grants[0]?.hosts ?? []
        const counts = hosts.map(({ id }) => on.filter((at) => at === id).length)
        expect(on.length).toBe(wanted)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }),
    )
  })
})
