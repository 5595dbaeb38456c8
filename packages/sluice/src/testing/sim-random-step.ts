/**
 * What a random job is made of. Each part knows how to put itself into a job, and, apart from that, what it gives in plain loops.
 *
 * E1 What an operator gives is determined by what it is given, as a multiset of items with their timestamps: neither the order in which
 *    records come nor when watermarks come may change it. Parts for which that holds only while nothing is late say `exact`.
 * E2 The timestamp of a record is the `t` of its item.
 * E3 `evaluate` and `check` use nothing of the engine.
 */
import type { SingleOutputStreamOperator, DataStream } from '../api/data-stream.ts'
import type { StreamExecutionEnvironment } from '../api/stream-execution-environment.ts'
import type { Timers } from '../base/env.ts'
import type { SimItem } from './sim-random-item.ts'

export type ItemStream = DataStream<SimItem>

/** `exact`: nothing of the stream is ever late. `loose`: some of it may be. */
export type Timing = 'exact' | 'loose'

/** What surrounds a part of a job that is being built. */
export interface BuildPlace {
  /** Unique: what uids and names of outputs begin with. */
  readonly uid: string
  /** Those of the process that builds the job. */
  readonly timers: Timers
  /** Gives a node its parallelism, slot-sharing group and place in chains. */
  readonly put: <T>(node: SingleOutputStreamOperator<T>) => SingleOutputStreamOperator<T>
}

export interface RandomSource {
  readonly text: string
  readonly timing: Timing
  readonly items: readonly SimItem[]
  /** Input, by path. */
  readonly files: Readonly<Record<string, string>>
  open(env: StreamExecutionEnvironment, place: BuildPlace): SingleOutputStreamOperator<SimItem>
}

export interface Evaluated {
  readonly main: readonly SimItem[]
  /** Of the side output named `SIDE`. */
  readonly side: readonly SimItem[]
}

export const SIDE = 'side'

export interface RandomOperator {
  readonly text: string
  readonly needs: 'exact' | 'any'
  readonly inputs: 1 | 2
  /** Whether the partitioning in front of it is its own choice. */
  readonly routing: 'own' | 'any'
  readonly hasSide: boolean
  /** Always in one subtask. */
  readonly isAlone: boolean
  build(first: ItemStream, second: ItemStream, place: BuildPlace): SingleOutputStreamOperator<SimItem>
  /** `second` is empty where there is one input. */
  evaluate(first: readonly SimItem[], second: readonly SimItem[]): Evaluated
}

/** The end of a stream: what is written there, and what is wrong with it. */
export interface RandomEnd {
  readonly text: string
  build(stream: ItemStream, place: BuildPlace): DataStream<unknown>
  /** @param lines what was committed, as values; in no order */
  check(items: readonly SimItem[], lines: readonly unknown[]): string | undefined
}

/** Fills in what most operators have in common. */
export function operator(
  parts: Pick<RandomOperator, 'text' | 'build'> &
    Partial<Omit<RandomOperator, 'evaluate'>> & {
      evaluate(first: readonly SimItem[], second: readonly SimItem[]): Evaluated | readonly SimItem[]
    },
): RandomOperator {
  return {
    needs: 'any',
    inputs: 1,
    routing: 'own',
    hasSide: false,
    isAlone: false,
    ...parts,
    evaluate: (first, second) => {
      const given = parts.evaluate(first, second)
      return 'main' in given ? given : { main: given, side: [] }
    },
  }
}
