import { describe, expect, test } from 'vitest'
import { planText } from '../graph/plan-json.ts'
import { planJob } from '../graph/planner.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import type { DataStream, SingleOutputStreamOperator } from './data-stream.ts'
import { defineJob, optionLayerOf } from './define-job.ts'
import type { StreamExecutionEnvironment } from './stream-execution-environment.ts'

/** `name ×parallelism` of the vertices, with the kinds of the edges that they read. */
function planned(build: (env: StreamExecutionEnvironment) => unknown): string {
  const logical = defineJob('job', (env) => void build(env)).build({})
  const { graph } = planJob(logical, resolveOptions([optionLayerOf(logical)]))
  return planText(graph)
    .replaceAll(/ +\(max \d+\)/g, '')
    .replaceAll(/ from [\w-]+/g, '')
}

const sinkOf = (numbers: DataStream<number>): unknown => numbers.print().uid('out')
const numbersOf = (env: StreamExecutionEnvironment): SingleOutputStreamOperator<number> =>
  env.setParallelism(2).fromElements(1, 2, 3).uid('in')

describe('distribution', () => {
  const ways: readonly (readonly [string, (numbers: DataStream<number>) => DataStream<number>])[] = [
    ['rebalance', (numbers) => numbers.rebalance()],
    ['rescale', (numbers) => numbers.rescale()],
    ['shuffle', (numbers) => numbers.shuffle()],
    ['broadcast', (numbers) => numbers.broadcast()],
    ['global', (numbers) => numbers.global()],
    ['custom', (numbers) => numbers.partitionCustom((value, count) => value % count)],
  ]
  test.each(ways)('%s is an edge of its kind, never a chain', (kind, way) => {
    expect(planned((env) => sinkOf(way(numbersOf(env))))).toBe(`in  ×2\nout  ×2  ⇐ ${kind}`)
  })

  test('of two calls in a row the later one holds, over all streams of a union', () => {
    expect(planned((env) => sinkOf(numbersOf(env).shuffle().forward()))).toBe('in → out  ×2')
    expect(planned((env) => sinkOf(numbersOf(env).union(env.fromElements(4).uid('more')).broadcast()))).toBe(
      'in  ×2\nmore  ×2\nout  ×2  ⇐ broadcast, broadcast',
    )
  })

  test('a partitioner with a key selector is given the key', () => {
    const logical = defineJob('job', (env) => {
      const lengths = (length: number, count: number): number => length % count
      env
        .fromElements('a', 'bb', 'ccc')
        .partitionCustom(lengths, (text) => text.length)
        .print()
    }).build({})
    const [, sink] = logical.nodes
    const partitioning = sink?.kind === 'sink' ? sink.inputs[0]?.partitioning : undefined
    if (partitioning?.kind !== 'custom') throw new TypeError('no custom edge')
    expect(partitioning.partitioner('ccc', 2)).toBe(1)
  })

  test('forward() between different parallelisms is refused, without it the stream is rebalanced', () => {
    expect(() => planned((env) => numbersOf(env).forward().print().setParallelism(3))).toThrow(
      expect.objectContaining({ code: 'GRA1009' }),
    )
    expect(planned((env) => numbersOf(env).print().uid('out').setParallelism(3))).toBe('in  ×2\nout  ×3  ⇐ rebalance')
  })
})

describe('chains and slots', () => {
  const mapped = (env: StreamExecutionEnvironment): SingleOutputStreamOperator<number> =>
    numbersOf(env)
      .map((value) => value)
      .name('a')

  test('startNewChain begins a chain, disableChaining leaves an operator alone', () => {
    expect(planned((env) => sinkOf(mapped(env).startNewChain()))).toBe('in  ×2\na → out  ×2  ⇐ forward')
    expect(planned((env) => sinkOf(mapped(env).disableChaining()))).toBe('in  ×2\na  ×2  ⇐ forward\nout  ×2  ⇐ forward')
    expect(planned((env) => mapped(env).print().uid('out').disableChaining())).toBe('in → a  ×2\nout  ×2  ⇐ forward')
  })

  test('disableOperatorChaining leaves every operator alone', () => {
    expect(planned((env) => sinkOf(mapped(env.disableOperatorChaining())))).toBe(
      'in  ×2\na  ×2  ⇐ forward\nout  ×2  ⇐ forward',
    )
  })

  test('a slot-sharing group goes on to what follows, until another one is named', () => {
    expect(planned((env) => sinkOf(mapped(env).slotSharingGroup('heavy').rebalance()))).toBe(
      'in  ×2 in default\na  ×2 in heavy  ⇐ forward\nout  ×2 in heavy  ⇐ rebalance',
    )
    expect(planned((env) => mapped(env).slotSharingGroup('heavy').print().uid('out').slotSharingGroup('default'))).toBe(
      'in  ×2 in default\na  ×2 in heavy  ⇐ forward\nout  ×2 in default  ⇐ forward',
    )
  })
})
