/** Engines that break a rule on purpose, in operators that random jobs are made of: for the tests that show that random jobs notice. */
import type { LogicalNode } from '../src/graph/logical-graph.ts'
import type { Operator, OperatorContext } from '../src/operators/operator.ts'
import type { StateClock } from '../src/state/expiry.ts'
import type { KeyedStateBackend, TimerService, ValueState } from '../src/state/keyed-state.ts'
import type { Key } from '../src/stream/key-groups.ts'
import type { SimHooks } from '../src/testing/sim-process.ts'
import { sources } from './simulation-bites.ts'

export interface RandomBite {
  /** What is wrong, for the name of the test. */
  readonly what: string
  /** Made anew for each run. */
  readonly hooks: () => SimHooks
  /** What a job has to have for it to matter. */
  readonly needs: RegExp
  /** Seeds of such jobs within which it has to be found. */
  readonly seeds: number
}

export const RANDOM_BITES: readonly RandomBite[] = [
  {
    what: 'a timer that is dropped by a restore',
    hooks: () => ({ wrapNode: opened(ALL, (context) => withKeyed(context, (keyed) => withoutFirstTimer(keyed))) }),
    needs: /keyBy, process per|connect by key/,
    seeds: 4,
  },
  {
    what: 'a time to live that counts anew from a restore',
    hooks: () => ({ wrapNode: opened(ALL, (context) => withKeyed(context, (keyed) => refreshed(keyed))) }),
    needs: /time to live/,
    seeds: 12,
  },
  {
    what: 'an interval join that does not restore what it keeps of one side',
    hooks: () => ({
      wrapNode: opened(['interval-join'], (context) => withKeyed(context, (keyed) => forgetting(keyed, 'right'))),
    }),
    needs: /intervalJoin/,
    seeds: 8,
  },
  {
    what: 'broadcast state that subtasks which come new with another parallelism do not get',
    hooks: () => {
      const before = new Map<string, number>()
      return { wrapNode: opened(['keyed-broadcast-process'], (context) => withoutBroadcast(context, before)) }
    },
    needs: /look \d+ ms behind each record( \(chaining [a-z]+\))?$/m,
    seeds: 30,
  },
  {
    what: 'a watermark that overtakes asynchronous results',
    hooks: () => ({
      wrapNode: changed(['async-wait'], (operator) => {
        operator.outputWatermark = (watermark) => watermark
      }),
    }),
    needs: /Wait/,
    seeds: 6,
  },
  {
    what: 'a split that is dealt out by the enumerator though a reader has it in its checkpoint',
    hooks: () => ({
      wrapNode: sources((source) => ({
        ...source,
        createEnumerator: (context) => source.createEnumerator(context, undefined),
      })),
    }),
    needs: /datagen/,
    seeds: 4,
  },
]

const ALL: readonly string[] = []

/** Changes every operator of these kinds; of all where there are none. */
function changed(kinds: readonly string[], change: (operator: Operator) => void): (node: LogicalNode) => LogicalNode {
  return (node) => {
    if (node.kind !== 'operator' || (kinds !== ALL && !kinds.includes(node.operator.kind))) return node
    const { operator: spec } = node
    const create = (): Operator => {
      const operator = spec.create()
      change(operator)
      return operator
    }
    return { ...node, operator: { ...spec, create } }
  }
}

/** Lets operators that are restored see something else than there is. */
function opened(
  kinds: readonly string[],
  see: (context: OperatorContext) => OperatorContext,
): (node: LogicalNode) => LogicalNode {
  return changed(kinds, (operator) => {
    const open = operator.open.bind(operator)
    operator.open = (context) => open(see(context))
  })
}

function withKeyed(
  context: OperatorContext,
  wrap: (keyed: KeyedStateBackend) => Partial<KeyedStateBackend>,
): OperatorContext {
  const { keyed, restoredCheckpoint } = context
  return keyed === undefined || restoredCheckpoint === undefined
    ? context
    : { ...context, keyed: instead(keyed, wrap(keyed)) }
}

/** The same object with other members; methods keep their `this`. */
function instead<T extends object>(original: T, members: Partial<T>): T {
  return new Proxy(original, {
    get(target, name) {
      const value: unknown = Reflect.get(Object.hasOwn(members, name) ? members : target, name)
      return typeof value === 'function' ? value.bind(Object.hasOwn(members, name) ? members : target) : value
    },
  })
}

function withoutFirstTimer({ eventTimers }: KeyedStateBackend): Partial<KeyedStateBackend> {
  let isDropped = false
  const advance: TimerService['advance'] = (untilMs, turn, fire) =>
    eventTimers.advance(untilMs, turn, (timestampMs, key, namespace) => {
      if (isDropped) return fire(timestampMs, key, namespace)
      isDropped = true
    })
  return { eventTimers: instead(eventTimers, { advance }) }
}

/** As if everything had been used so much later. */
const REFRESHED_MS = 1500

function refreshed(keyed: KeyedStateBackend): Partial<KeyedStateBackend> {
  return {
    useClock: (clock: StateClock) =>
      keyed.useClock({ ...clock, eventTimeMs: () => clock.eventTimeMs() - REFRESHED_MS }),
  }
}

/** Values are there only for keys that have been written since. */
function forgetting(keyed: KeyedStateBackend, stateName: string): Partial<KeyedStateBackend> {
  const written = new Set<Key | undefined>()
  return {
    valueState: (descriptor) => {
      const state = keyed.valueState(descriptor)
      if (descriptor.name !== stateName) return state
      const wrapped: typeof state = {
        value: () => (written.has(keyed.currentKey()) ? state.value() : undefined),
        update: (value) => {
          written.add(keyed.currentKey())
          state.update(value)
        },
        clear: () => state.clear(),
      }
      return wrapped satisfies ValueState<unknown>
    },
  }
}

function withRestored(
  context: OperatorContext,
  isKept: (list: NonNullable<OperatorContext['restored']>[number]) => boolean,
): OperatorContext {
  return context.restored === undefined ? context : { ...context, restored: context.restored.filter(isKept) }
}

function withoutBroadcast(context: OperatorContext, before: Map<string, number>): OperatorContext {
  const { uid, subtask, parallelism } = context.info
  const known = before.get(uid) ?? parallelism
  if (subtask === parallelism - 1) before.set(uid, parallelism)
  return subtask < known ? context : withRestored(context, ({ mode }) => mode !== 'broadcast')
}
