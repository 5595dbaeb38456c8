/** A sink that collects numbers and commits them under names: committing twice shows, committing in vain does not. */
import { COMMITTABLES_STATE, type Sink } from '../src/connector/sink.ts'

/** Committed output by name of the committable. */
export type Committed = Map<string, readonly number[]>

/** A committable holds what was written since the last one. */
export function committingSink(committed: Committed): Sink<number, { id: string; values: readonly number[] }, never> {
  return {
    kind: 'committing',
    identity: COMMITTABLES_STATE,
    prepare: async () => {},
    createWriter: (context) => {
      let values: number[] = []
      return {
        write: (value) => void values.push(value),
        isBlocked: () => false,
        snapshot: async (checkpoint) => {
          const committables =
            values.length === 0 ? [] : [{ id: `${context.incarnation}/${context.subtask}/${checkpoint}`, values }]
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
