import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { unreachable } from '../base/assert.ts'
import type { Sink } from '../connector/sink.ts'
import type { Source } from '../connector/source.ts'
import type { OperatorSpec } from '../operators/operator.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { diffLayouts } from './layout-diff.ts'
import type { LogicalEdge, LogicalGraph, LogicalNode, Partitioning } from './logical-graph.ts'
import { planJson, planText } from './plan-json.ts'
import { planJob } from './planner.ts'

const noRun = (): never => unreachable('planning runs nothing')
const SOURCE: Source<unknown> = {
  kind: 'numbers',
  identity: { count: 3 },
  boundedness: 'bounded',
  createEnumerator: noRun,
  createReader: noRun,
}
const SINK: Sink<unknown> = {
  kind: 'lines',
  identity: { directory: 'out' },
  prepare: noRun,
  createWriter: noRun,
  createCommitter: noRun,
}
const MAP: OperatorSpec = { kind: 'map', keyed: false, stateful: false, layout: null, create: noRun }
const WINDOW: OperatorSpec = {
  kind: 'window',
  keyed: true,
  stateful: true,
  layout: { states: ['panes'] },
  create: noRun,
}

const FORWARD: Partitioning = { kind: 'forward' }
const REBALANCE: Partitioning = { kind: 'rebalance' }
const HASH: Partitioning = { kind: 'hash', keySelector: () => 'key' }
const FORWARD_ONLY: Partitioning = { kind: 'forward', origin: 'user' }
const PARTITIONINGS: readonly Partitioning[] = [
  FORWARD,
  REBALANCE,
  HASH,
  { kind: 'rescale' },
  { kind: 'shuffle' },
  { kind: 'broadcast' },
  { kind: 'global' },
  { kind: 'custom', partitioner: () => 0 },
]

type Extra = Partial<
  Pick<LogicalNode, 'uid' | 'name' | 'parallelism' | 'maxParallelism' | 'chaining' | 'slotSharingGroup'>
>

const edge = (from: number, partitioning: Partitioning = FORWARD, sideTag?: string): LogicalEdge =>
  sideTag === undefined ? { from, partitioning } : { from, partitioning, sideTag }
const source = (id: number, extra: Extra = {}): LogicalNode => ({
  kind: 'source',
  id,
  name: 'numbers',
  source: SOURCE,
  watermarks: WatermarkStrategy.noWatermarks<unknown>(),
  ...extra,
})
const operator = (id: number, spec: OperatorSpec, inputs: LogicalEdge[], extra: Extra = {}): LogicalNode => ({
  kind: 'operator',
  id,
  name: spec.kind,
  operator: spec,
  inputs,
  ...extra,
})
const sink = (id: number, inputs: LogicalEdge[], extra: Extra = {}): LogicalNode => ({
  kind: 'sink',
  id,
  name: 'lines',
  sink: SINK,
  inputs,
  ...extra,
})
const graphOf = (...nodes: LogicalNode[]): LogicalGraph => ({ jobName: 'job', nodes, settings: { options: {} } })
const plan = (graph: LogicalGraph, parallelism = 2) => planJob(graph, { parallelism, maxParallelism: 'auto' })

const WINDOWED = graphOf(
  source(0, { uid: 'in' }),
  operator(1, MAP, [edge(0)]),
  operator(2, WINDOW, [edge(1, HASH)], { uid: 'by-key' }),
  sink(3, [edge(2)], { uid: 'out' }),
)

describe('chains', () => {
  test('forward edges are chained, a hash edge begins a new vertex', () => {
    const { graph } = plan(WINDOWED)
    expect(planText(graph)).toBe('numbers → map  ×2 (max 128)\nwindow → lines  ×2 (max 128)  ⇐ hash from auto-1-map')
    expect(planJson(graph)).toMatchObject({
      vertices: [
        {
          id: 'in',
          operators: [
            { uid: 'in', chained: [{ to: 1 }] },
            { uid: 'auto-1-map', chained: [] },
          ],
        },
        {
          id: 'by-key',
          operators: [
            { uid: 'by-key', chained: [{ to: 1 }] },
            { uid: 'out', chained: [] },
          ],
        },
      ],
      edges: [{ index: 0, from: 'in', fromOperator: 'auto-1-map', to: 'by-key', partitioning: 'hash' }],
    })
  })

  test('two readers of one stream, one of them of a side output, make a tree', () => {
    const { graph } = plan(
      graphOf(source(0), operator(1, MAP, [edge(0)]), sink(2, [edge(1)]), sink(3, [edge(1, FORWARD, 'late')])),
    )
    expect(graph.vertices).toHaveLength(1)
    expect(graph.vertices[0]?.operators.map(({ chained }) => chained)).toEqual([
      [{ to: 1 }],
      [{ to: 2 }, { to: 3, sideTag: 'late' }],
      [],
      [],
    ])
  })

  test('a union is not chained: every input is an edge of its own', () => {
    const { graph } = plan(graphOf(source(0), source(1), sink(2, [edge(0), edge(1)])))
    expect(planText(graph)).toBe(
      'numbers  ×2 (max 128)\nnumbers  ×2 (max 128)\n' +
        'lines  ×2 (max 128)  ⇐ forward from auto-source-numbers-0, forward from auto-source-numbers-1',
    )
    expect(graph.vertices[2]?.inputs).toEqual([0, 1])
  })

  test('a forward edge between different parallelisms becomes a rebalance', () => {
    const { graph } = plan(graphOf(source(0, { parallelism: 1 }), sink(1, [edge(0)])))
    expect(graph.edges.map(({ partitioning }) => partitioning.kind)).toEqual(['rebalance'])
  })

  test('a forward asked for by name is chained like any other, and refused between different parallelisms', () => {
    expect(plan(graphOf(source(0), sink(1, [edge(0, FORWARD_ONLY)]))).graph.edges).toEqual([])
    const graph = graphOf(source(0, { parallelism: 1 }), sink(1, [edge(0, FORWARD_ONLY)]))
    expect(() => plan(graph)).toThrow(
      expect.objectContaining({
        code: 'GRA1009',
        message: expect.stringMatching(
          /^numbers source "numbers" \(node 0\) with parallelism 1 hands .* with parallelism 2:/,
        ),
      }),
    )
  })

  test('an operator that begins a chain has what follows in it; one without chaining is alone', () => {
    const chained = (chaining: 'head' | 'never'): readonly string[] =>
      plan(
        graphOf(
          source(0),
          operator(1, MAP, [edge(0)], { name: 'a' }),
          operator(2, MAP, [edge(1)], { name: 'b', chaining }),
          sink(3, [edge(2)]),
        ),
      ).graph.vertices.map(({ name }) => name)
    expect(chained('head')).toEqual(['numbers → a', 'b → lines'])
    expect(chained('never')).toEqual(['numbers → a', 'b', 'lines'])
  })

  test('a source or sink without chaining is alone too', () => {
    const names = (first: Extra, last: Extra): readonly string[] =>
      plan(graphOf(source(0, first), operator(1, MAP, [edge(0)]), sink(2, [edge(1)], last))).graph.vertices.map(
        ({ name }) => name,
      )
    expect(names({ chaining: 'never' }, {})).toEqual(['numbers', 'map → lines'])
    expect(names({}, { chaining: 'never' })).toEqual(['numbers → map', 'lines'])
  })

  test('with chaining switched off every operator is a vertex, with the same layout', () => {
    const off = planJob(WINDOWED, { parallelism: 2, maxParallelism: 'auto', operatorChaining: false }).graph
    expect(off.vertices.map(({ name }) => name)).toEqual(['numbers', 'map', 'window', 'lines'])
    expect(off.edges.map(({ partitioning }) => partitioning.kind)).toEqual(['forward', 'hash', 'forward'])
    expect(off.layoutHash).toBe(plan(WINDOWED).graph.layoutHash)
  })

  test('a side output that leaves its vertex keeps its tag on the edge', () => {
    const { graph } = plan(graphOf(source(0), sink(1, [edge(0)]), sink(2, [edge(0, REBALANCE, 'bad')])))
    expect(graph.edges).toMatchObject([{ sideTag: 'bad', fromOperator: 'auto-source-numbers-0' }])
    expect(graph.vertices[0]?.operators[0]?.outputs).toEqual([0])
  })

  test('operators of different max parallelism do not share a chain', () => {
    const { graph } = plan(graphOf(source(0), operator(1, MAP, [edge(0)], { maxParallelism: 64 }), sink(2, [edge(1)])))
    expect(graph.vertices.map(({ maxParallelism }) => maxParallelism)).toEqual([128, 64, 128])
  })
})

describe('slot-sharing groups', () => {
  const groupsOf = (graph: LogicalGraph): readonly string[] =>
    plan(graph).graph.vertices.map(({ name, slotSharingGroup }) => `${name} in ${slotSharingGroup}`)

  test('what names none is in that of its inputs if they agree, else in default', () => {
    const graph = graphOf(
      source(0, { slotSharingGroup: 'reading' }),
      source(1),
      operator(2, MAP, [edge(0, REBALANCE)], { name: 'a' }),
      operator(3, MAP, [edge(2), edge(1)], { name: 'b' }),
      operator(4, MAP, [edge(2), edge(0)], { name: 'c' }),
      sink(5, [edge(4, REBALANCE)]),
    )
    expect(groupsOf(graph)).toEqual([
      'numbers in reading',
      'numbers in default',
      'a in reading',
      'b in default',
      'c in reading',
      'lines in reading',
    ])
  })

  test('operators of different groups do not share a chain', () => {
    const graph = graphOf(source(0), operator(1, MAP, [edge(0)], { slotSharingGroup: 'heavy' }), sink(2, [edge(1)]))
    expect(groupsOf(graph)).toEqual(['numbers in default', 'map → lines in heavy'])
    expect(planText(plan(graph).graph)).toBe(
      'numbers  ×2 (max 128) in default\nmap → lines  ×2 (max 128) in heavy  ⇐ forward from auto-source-numbers-0',
    )
    expect(planJson(plan(graph).graph)).toMatchObject({
      slots: 4,
      vertices: [{ slotSharingGroup: 'default' }, { slotSharingGroup: 'heavy' }],
    })
  })

  test('a group is no part of the layout: it may change while the state lives', () => {
    const graph = graphOf(...WINDOWED.nodes.with(1, operator(1, MAP, [edge(0)], { slotSharingGroup: 'heavy' })))
    expect(plan(graph).graph.layoutHash).toBe(plan(WINDOWED).graph.layoutHash)
  })

  test.each(['', 'a b', 'ü', 'x'.repeat(101)])('the name %j is refused', (slotSharingGroup) => {
    const graph = graphOf(source(0), operator(1, MAP, [edge(0)], { slotSharingGroup }))
    expect(() => plan(graph)).toThrow(
      expect.objectContaining({ code: 'GRA1008', message: expect.stringContaining('of map "map" (node 1)') }),
    )
  })
})

describe('ids', () => {
  const codeOf = (graph: LogicalGraph): unknown => {
    try {
      return plan(graph).warnings
    } catch (error) {
      return error
    }
  }

  test('a stateful operator without uid is refused by name', () => {
    expect(codeOf(graphOf(source(0), operator(1, WINDOW, [edge(0, HASH)], { name: 'Averages' })))).toMatchObject({
      code: 'GRA1001',
      message: expect.stringContaining('window "Averages" (node 1) of job "job" keeps state and has no uid'),
    })
  })

  test('two operators with one uid are refused, also when one of them is derived', () => {
    const code = 'GRA1002'
    expect(codeOf(graphOf(source(0, { uid: 'x' }), sink(1, [edge(0)], { uid: 'x' })))).toMatchObject({ code })
    expect(codeOf(graphOf(source(0, { uid: 'auto-1-map' }), operator(1, MAP, [edge(0)])))).toMatchObject({ code })
  })

  test.each(['', 'a b', '../x', '.hidden', 'ü', 'x'.repeat(101)])('uid %j is refused', (uid) => {
    expect(codeOf(graphOf(source(0, { uid }), sink(1, [edge(0)])))).toMatchObject({ code: 'GRA1008' })
  })

  test('sources and sinks without uid get one from their kind and order, and a warning', () => {
    const { graph, uidWarnings } = plan(graphOf(source(0), source(1), sink(2, [edge(0)]), sink(3, [edge(1)])))
    expect(graph.vertices.flatMap(({ operators }) => operators.map(({ uid }) => uid))).toEqual([
      'auto-source-numbers-0',
      'auto-sink-lines-0',
      'auto-source-numbers-1',
      'auto-sink-lines-1',
    ])
    expect(uidWarnings).toHaveLength(4)
    expect(uidWarnings[0]).toMatch(/^numbers source "numbers" \(node 0\) has no uid, "auto-source-numbers-0" is used/)
  })

  test('an output that nobody reads is a warning', () => {
    expect(plan(graphOf(source(0, { uid: 'in' }), operator(1, MAP, [edge(0)]))).warnings).toEqual([
      'Nothing reads the output of map "map" (node 1). Add a sink, or remove it.',
    ])
  })
})

describe('limits', () => {
  test('a job without source, or with nothing behind it, is refused', () => {
    expect(() => plan(graphOf())).toThrow(expect.objectContaining({ code: 'GRA1004' }))
    expect(() => plan(graphOf(source(0)))).toThrow(expect.objectContaining({ code: 'GRA1004' }))
  })

  test.each([0, -1, 1.5, 32769, Number.NaN])('parallelism %d is refused with the operator', (parallelism) => {
    const graph = graphOf(source(0), sink(1, [edge(0)], { parallelism, name: 'out' }))
    expect(() => plan(graph)).toThrow(
      expect.objectContaining({ code: 'GRA1003', message: expect.stringContaining('lines sink "out"') }),
    )
  })

  test('parallelism above max parallelism is refused', () => {
    const graph = graphOf(source(0), sink(1, [edge(0)], { parallelism: 9, maxParallelism: 8 }))
    expect(() => plan(graph)).toThrow(expect.objectContaining({ code: 'GRA1003' }))
  })
})

describe('the layout', () => {
  const hashOf = (graph: LogicalGraph, parallelism = 2): string => plan(graph, parallelism).graph.layoutHash
  const changed = (index: number, node: LogicalNode): LogicalGraph => graphOf(...WINDOWED.nodes.with(index, node))

  test('its hash never changes for the same graph', () => {
    expect(hashOf(WINDOWED)).toBe('84668b3d3bc643b6')
  })

  test('names, parallelism and code do not count', () => {
    expect(hashOf(WINDOWED, 16)).toBe(hashOf(WINDOWED))
    expect(hashOf(changed(1, operator(1, { ...MAP }, [edge(0)], { name: 'other', parallelism: 7 })))).toBe(
      hashOf(WINDOWED),
    )
  })

  test('states, identities, max parallelism, ids and edges count, and the difference is readable', () => {
    const before = plan(WINDOWED).graph.layout
    const differences = (graph: LogicalGraph) => {
      expect(hashOf(graph)).not.toBe(hashOf(WINDOWED))
      return diffLayouts(before, plan(graph).graph.layout)
    }
    const window = { ...WINDOW, layout: { states: ['panes', 'extra'], size: 5 } }
    expect(differences(changed(2, operator(2, window, [edge(1, HASH)], { uid: 'by-key' })))).toEqual([
      '"by-key" states was ["panes"], is ["panes","extra"]',
      '"by-key" size is new: 5',
    ])
    expect(
      differences(
        changed(0, {
          ...source(0, { uid: 'in' }),
          kind: 'source',
          source: { ...SOURCE, identity: { count: 4 } },
          watermarks: WatermarkStrategy.noWatermarks<unknown>(),
        }),
      ),
    ).toEqual(['"in" count was 3, is 4'])
    expect(differences(changed(3, sink(3, [edge(2)], { uid: 'out', maxParallelism: 64 })))).toEqual([
      '"out" had max parallelism 128, has 64',
    ])
    expect(differences(changed(3, sink(3, [edge(2)], { uid: 'elsewhere' })))).toEqual([
      'removed: lines sink "out"',
      'added: lines sink "elsewhere"',
    ])
    expect(differences(changed(3, sink(3, [edge(2, REBALANCE)], { uid: 'out' })))).toEqual([
      'inputs of "out" was [{"from":"by-key","partitioning":"forward"}], is [{"from":"by-key","partitioning":"rebalance"}]',
    ])
  })

  test('equal layouts have no difference', () => {
    expect(diffLayouts(plan(WINDOWED).graph.layout, plan(WINDOWED).graph.layout)).toEqual([])
  })
})

describe('any graph', () => {
  /** Per node behind the sources: which earlier nodes it reads, how, and what else can be said about it. */
  const shapes = fc.array(
    fc.record({
      inputs: fc.array(
        fc.record({
          from: fc.nat(),
          kind: fc.constantFrom(...PARTITIONINGS),
          sideTag: fc.constantFrom(undefined, 'late'),
          port: fc.constantFrom(0, 1),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      extra: fc.record(
        {
          parallelism: fc.constantFrom(1, 2, 3),
          maxParallelism: fc.constantFrom(64, 128),
          chaining: fc.constantFrom('head', 'never'),
          slotSharingGroup: fc.constantFrom('default', 'heavy'),
        },
        { requiredKeys: [] },
      ),
    }),
    { minLength: 1, maxLength: 12 },
  )
  const SOURCES = 2
  const graphs = shapes.map((nodes) =>
    graphOf(
      source(0),
      source(1, { slotSharingGroup: 'reading' }),
      ...nodes.map(({ inputs, extra }, index) =>
        operator(
          index + SOURCES,
          MAP,
          inputs.map(({ from, kind, sideTag, port }) => ({ ...edge(from % (index + SOURCES), kind, sideTag), port })),
          extra,
        ),
      ),
    ),
  )

  test('keeps every node once and every edge either chained or between vertices', () => {
    fc.assert(
      fc.property(graphs, (logical) => {
        const { graph } = plan(logical)
        const operators = graph.vertices.flatMap((vertex) => vertex.operators)
        expect(operators.map(({ node }) => node.id).toSorted((a, b) => a - b)).toEqual(
          logical.nodes.map(({ id }) => id),
        )
        const edgeCount = logical.nodes.reduce(
          (sum, node) => sum + (node.kind === 'source' ? 0 : node.inputs.length),
          0,
        )
        const chainedCount = operators.reduce((sum, { chained }) => sum + chained.length, 0)
        expect(chainedCount + graph.edges.length).toBe(edgeCount)
        expect(chainedCount).toBe(operators.length - graph.vertices.length)
      }),
    )
  })

  test('is planned so that indexes agree from both sides, in topological order', () => {
    fc.assert(
      fc.property(graphs, (logical) => {
        const { vertices, edges } = plan(logical).graph
        const order = new Map(vertices.map(({ id }, index) => [id, index]))
        for (const { index, from, fromOperator, to, partitioning } of edges) {
          const [producer, consumer] = [vertices[order.get(from) ?? -1], vertices[order.get(to) ?? -1]]
          expect(order.get(from)).toBeLessThan(order.get(to) ?? -1)
          expect(consumer?.inputs).toContain(index)
          const output = producer?.outputs.indexOf(index) ?? -1
          expect(producer?.operators.filter(({ outputs }) => outputs.includes(output)).map(({ uid }) => uid)).toEqual([
            fromOperator,
          ])
          if (partitioning.kind === 'forward') expect(producer?.parallelism).toBe(consumer?.parallelism)
        }
        for (const { operators } of vertices) {
          for (const [index, { chained }] of operators.entries())
            for (const { to } of chained) expect(to).toBeGreaterThan(index)
        }
      }),
    )
  })

  test('is chained where it may be, and nowhere else', () => {
    fc.assert(
      fc.property(graphs, (logical) => {
        const { graph } = plan(logical)
        const vertexOf = new Map(
          graph.vertices.flatMap((vertex) => vertex.operators.map(({ node }) => [node.id, vertex])),
        )
        for (const node of logical.nodes) {
          const inputs = node.kind === 'source' ? [] : node.inputs
          const [only] = inputs
          const [self, front] = [vertexOf.get(node.id), vertexOf.get(only?.from ?? -1)]
          const isChained = self?.operators[0]?.node.id !== node.id
          const before = logical.nodes[only?.from ?? -1]
          const may =
            inputs.length === 1 &&
            only?.partitioning.kind === 'forward' &&
            node.chaining === undefined &&
            before?.chaining !== 'never' &&
            self?.parallelism === front?.parallelism &&
            self?.maxParallelism === front?.maxParallelism &&
            self?.slotSharingGroup === front?.slotSharingGroup
          expect(isChained).toBe(may)
          if (isChained) expect(self).toBe(front)
        }
      }),
    )
  })

  test("has a layout that depends on nobody's parallelism, chaining or group", () => {
    fc.assert(
      fc.property(graphs, fc.integer({ min: 1, max: 60 }), fc.boolean(), (logical, parallelism, operatorChaining) => {
        const bare = graphOf(
          ...logical.nodes.map((node): LogicalNode => {
            const { parallelism: _p, chaining: _c, slotSharingGroup: _g, ...rest } = node
            return rest
          }),
        )
        const other = planJob(bare, { parallelism, maxParallelism: 'auto', operatorChaining })
        expect(other.graph.layout).toEqual(plan(logical).graph.layout)
      }),
    )
  })

  test('is planned twice to the same frozen plan', () => {
    fc.assert(
      fc.property(graphs, (logical) => {
        const [first, second] = [plan(logical), plan(logical)]
        expect(second).toEqual(first)
        const { graph } = first
        expect(
          [graph, graph.vertices, graph.edges, graph.layout, ...graph.vertices, ...graph.edges].every(Object.isFrozen),
        ).toBe(true)
      }),
    )
  })
})
