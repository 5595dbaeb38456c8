import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkpointId } from '../base/ids.ts'
import type { CheckpointMode } from '../stream/element.ts'
import { type AlignerEffect, BarrierAligner } from './barrier-aligner.ts'

interface ChannelElement {
  readonly kind: 'barrier' | 'cancel'
  readonly id: number
}

interface Scenario {
  /** By channel, ids ascending. */
  readonly channels: readonly (readonly ChannelElement[])[]
  /** Which channel delivers next, and now and then an abort by the coordinator. */
  readonly schedule: readonly number[]
  readonly aborts: ReadonlyMap<number, number>
}

const IDS = 6

function scenarios(withTrouble: 'with cancels and aborts' | 'barriers only'): fc.Arbitrary<Scenario> {
  const hasTrouble = withTrouble === 'with cancels and aborts'
  const channel = fc
    .array(
      fc.constantFrom(
        'barrier',
        'barrier',
        'barrier',
        hasTrouble ? 'cancel' : 'barrier',
        hasTrouble ? 'skip' : 'barrier',
      ),
      {
        minLength: IDS,
        maxLength: IDS,
      },
    )
    .map((kinds) =>
      kinds.flatMap((kind, index): ChannelElement[] =>
        kind === 'barrier' || kind === 'cancel' ? [{ kind, id: index + 1 }] : [],
      ),
    )
  const aborts = fc.dictionary(fc.nat(40).map(String), fc.integer({ min: 1, max: IDS }), {
    maxKeys: hasTrouble ? 3 : 0,
  })
  return fc.record({
    channels: fc.array(channel, { minLength: 1, maxLength: 4 }),
    schedule: fc.array(fc.nat(3), { minLength: 60, maxLength: 60 }),
    aborts: aborts.map((dictionary) => new Map(Object.entries(dictionary).map(([step, id]) => [Number(step), id]))),
  })
}

/** Delivers everything that can be delivered, as a gate would: nothing from a blocked channel. */
class Gate {
  readonly effects: AlignerEffect[] = []
  readonly snapshots: number[] = []
  readonly expected: number[] = []
  readonly #aligner: BarrierAligner
  readonly #blocked = new Set<number>()
  readonly #queues: ChannelElement[][]
  readonly #delivered: ChannelElement[][]
  readonly #aborted = new Set<number>()
  readonly #mode: CheckpointMode

  constructor(scenario: Scenario, mode: CheckpointMode) {
    this.#mode = mode
    this.#queues = scenario.channels.map((channel) => [...channel])
    this.#delivered = scenario.channels.map(() => [])
    this.#aligner = new BarrierAligner(scenario.channels.length)
    for (const [step, wanted] of scenario.schedule.entries()) {
      const abort = scenario.aborts.get(step)
      if (abort !== undefined) this.#abort(abort)
      this.#deliver(wanted % scenario.channels.length)
    }
    for (let channel = this.#readable(); channel !== undefined; channel = this.#readable()) this.#deliver(channel)
  }

  leftOver(): number {
    return this.#queues.reduce((sum, { length }) => sum + length, 0)
  }

  blockedCount(): number {
    return this.#blocked.size
  }

  #readable(): number | undefined {
    const index = this.#queues.findIndex((queue, channel) => queue.length > 0 && !this.#blocked.has(channel))
    return index < 0 ? undefined : index
  }

  #abort(id: number): void {
    this.#aborted.add(id)
    this.#perform(this.#aligner.apply({ kind: 'aborted', checkpoint: checkpointId(id) }))
  }

  #deliver(channel: number): void {
    if (this.#blocked.has(channel)) return
    const element = this.#queues[channel]?.shift()
    if (element === undefined) return
    this.#delivered[channel]?.push(element)
    const checkpoint = checkpointId(element.id)
    const cut = this.#naiveCut(element.id)
    if (cut !== undefined) this.expected.push(cut)
    const event =
      element.kind === 'barrier'
        ? { kind: element.kind, channel, checkpoint, mode: this.#mode }
        : { kind: element.kind, channel, checkpoint }
    this.#perform(this.#aligner.apply(event))
  }

  #perform(effects: readonly AlignerEffect[]): void {
    for (const effect of effects) {
      this.effects.push(effect)
      if (effect.kind === 'snapshot') this.snapshots.push(effect.checkpoint)
      if (effect.kind === 'unblock-all') this.#blocked.clear()
      if (effect.kind !== 'block') continue
      expect(this.#mode).toBe('exactly-once')
      expect(this.#blocked.has(effect.channel)).toBe(false)
      this.#blocked.add(effect.channel)
    }
  }

  /** Looks at all that was delivered so far, without any state of an alignment. */
  #naiveCut(id: number): number | undefined {
    const isFree =
      !this.#aborted.has(id) && !this.#delivered.flat().some((other) => other.kind === 'cancel' && other.id >= id)
    const isNewest = this.expected.every((older) => older < id)
    const isThere =
      this.#mode === 'exactly-once'
        ? this.#delivered.every((elements) => isBarrier(elements.at(-1), id))
        : this.#delivered.every((elements) => elements.some((element) => isBarrier(element, id)))
    return isFree && isNewest && isThere ? id : undefined
  }
}

function isBarrier(element: ChannelElement | undefined, id: number): boolean {
  return element?.kind === 'barrier' && element.id === id
}

describe('the barrier aligner', () => {
  for (const mode of ['exactly-once', 'at-least-once'] as const) {
    test(`${mode}: takes exactly the cuts that a look at all delivered barriers finds`, () => {
      fc.assert(
        fc.property(scenarios('with cancels and aborts'), (scenario) => {
          const gate = new Gate(scenario, mode)
          expect(gate.snapshots).toEqual(gate.expected)
        }),
      )
    })

    test(`${mode}: ids of cuts grow, and whatever is given up is said downstream once`, () => {
      fc.assert(
        fc.property(scenarios('with cancels and aborts'), (scenario) => {
          const gate = new Gate(scenario, mode)
          expect(gate.snapshots).toEqual([...new Set(gate.snapshots)].sort((a, b) => a - b))
          const cancelled = gate.effects.flatMap((effect) =>
            effect.kind === 'forward-cancel' ? [effect.checkpoint] : [],
          )
          expect(new Set(cancelled).size).toBe(cancelled.length)
          expect(cancelled.some((id) => gate.snapshots.includes(id))).toBe(false)
        }),
      )
    })
  }

  test('never blocks all channels for good: everything is delivered in the end', () => {
    fc.assert(
      fc.property(scenarios('with cancels and aborts'), (scenario) => {
        const last = (channel: readonly ChannelElement[]): ChannelElement[] => [
          ...channel,
          { kind: 'barrier', id: IDS + 1 },
        ]
        const gate = new Gate({ ...scenario, channels: scenario.channels.map(last) }, 'exactly-once')
        expect(gate.leftOver()).toBe(0)
        expect(gate.blockedCount()).toBe(0)
        expect(gate.snapshots.at(-1)).toBe(IDS + 1)
      }),
    )
  })

  test('without trouble every checkpoint is cut once, in order', () => {
    fc.assert(
      fc.property(scenarios('barriers only'), (scenario) => {
        expect(new Gate(scenario, 'exactly-once').snapshots).toEqual([1, 2, 3, 4, 5, 6])
      }),
    )
  })

  test('at-least-once: gives the oldest checkpoint up when too many are counted at once', () => {
    const aligner = new BarrierAligner(2)
    const barrier = (channel: number, id: number): readonly AlignerEffect[] =>
      aligner.apply({ kind: 'barrier', channel, checkpoint: checkpointId(id), mode: 'at-least-once' })
    for (let id = 1; id <= 50; id++) barrier(0, id)
    expect(barrier(0, 51).map(({ kind }) => kind)).toEqual([
      'alignment-started',
      'alignment-ended',
      'forward-cancel',
      'decline',
    ])
    expect(barrier(1, 1)).toEqual([])
    expect(barrier(1, 2).map(({ kind }) => kind)).toEqual(['alignment-ended', 'snapshot'])
  })
})
