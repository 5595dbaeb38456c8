/**
 * From the graph as written to the graph that is deployed: ids, parallelism, chains, edges, layout.
 *
 * Owns: every decision between the two. Does not own: where subtasks run (jobmanager/), how operators work.
 *
 * N1 Pure: the same graph and options give an equal plan with the same hash, in every thread and at every start.
 * N2 Nodes come in topological order; a node reads nodes with smaller ids only. Vertices and operators keep that order.
 * N3 An edge is chained exactly when it is a `forward`, the only input of its node, both ends agree in parallelism, slot-sharing group and
 *    max parallelism (key groups of one chain are the same), and neither asked not to be.
 * N4 A `forward` between different parallelisms becomes a `rebalance`, never a silent loss of subtasks; one asked for by name is refused.
 * N5 The plan is frozen; what users and connectors made (sources, sinks, operators) is referred to, not touched.
 */
import { assert, present } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { vertexId, type OperatorUid, type VertexId } from '../base/ids.ts'
import { MAX_PARALLELISM_LIMIT, defaultMaxParallelism } from '../stream/key-groups.ts'
import type { ChainLink, ChainedOperator, JobEdge, JobGraph, JobVertex } from './job-graph.ts'
import { hashOfLayout, layoutOf } from './layout.ts'
import type { Chaining, LogicalEdge, LogicalGraph, LogicalNode, NodeId, Partitioning } from './logical-graph.ts'
import { assignIds, checkedGroup, describeNode, type OperatorIds } from './operator-ids.ts'

/** What the planner needs of the resolved options. */
export interface PlanOptions {
  /** For nodes that set none of their own. */
  readonly parallelism: number
  /** For nodes that set none of their own; `auto` derives it from the node's parallelism. */
  readonly maxParallelism: number | 'auto'
  /** False: every operator is a vertex of its own. Default true. */
  readonly operatorChaining?: boolean
}

export interface JobPlan {
  readonly graph: JobGraph
  /** Whole sentences for the author of the job; not errors. */
  readonly warnings: readonly string[]
  /** Only matter where there are checkpoints. */
  readonly uidWarnings: readonly string[]
}

/** Of what names none and reads nothing, or outputs of several groups. */
const DEFAULT_GROUP = 'default'

interface PlannedNode {
  readonly node: LogicalNode
  readonly uid: OperatorUid
  readonly parallelism: number
  readonly maxParallelism: number
  readonly slotSharingGroup: string
  readonly chaining: 'any' | Chaining
}

/** A vertex while its chain grows. */
interface VertexDraft {
  readonly head: PlannedNode
  readonly operators: OperatorDraft[]
  readonly inputs: number[]
  readonly outputs: number[]
}

interface OperatorDraft {
  readonly planned: PlannedNode
  readonly vertex: VertexDraft
  readonly index: number
  readonly chained: ChainLink[]
  readonly outputs: number[]
}

/**
 * The frozen, chained job graph.
 *
 * @throws GRA1001, GRA1002, GRA1003, GRA1004, GRA1008, GRA1009 when the graph cannot be run as written
 */
export function planJob(logical: LogicalGraph, options: PlanOptions): JobPlan {
  refuseEmpty(logical)
  const ids = assignIds(logical)
  const planned = planNodes(logical, ids, options)
  const { vertices, edges } = chain(logical, planned)
  const layout = layoutOf(logical, planned)
  const graph = Object.freeze({
    jobName: logical.jobName,
    vertices: Object.freeze(vertices.map(freezeVertex)),
    edges: Object.freeze(edges),
    layout,
    layoutHash: hashOfLayout(layout),
  })
  return Object.freeze({
    graph,
    warnings: [...unreadWarnings(logical), ...operatorWarnings(logical)],
    uidWarnings: ids.warnings,
  })
}

function refuseEmpty({ jobName, nodes }: LogicalGraph): void {
  const hasSource = nodes.some(({ kind }) => kind === 'source')
  if (hasSource && nodes.some(({ kind }) => kind !== 'source')) return
  throw new EngineError(
    'GRA1004',
    `job "${jobName}" has no ${hasSource ? 'operator or sink behind its source' : 'source'}. There is nothing to run, and it was ` +
      'not started. Begin with env.fromSource(…) and end with .sinkTo(…) or .print().',
    { context: { job: jobName } },
  )
}

/** In the order of the graph: a node's slot-sharing group may be that of its inputs. */
function planNodes(logical: LogicalGraph, ids: OperatorIds, options: PlanOptions): ReadonlyMap<NodeId, PlannedNode> {
  const planned = new Map<NodeId, PlannedNode>()
  for (const node of logical.nodes) {
    for (const { from } of inputsOf(node)) assert(from < node.id, 'a node reads earlier nodes only', { from }) // N2
    const group = groupOf(node, planned)
    planned.set(node.id, planNode(node, { uid: present(ids.byNode.get(node.id), 'a uid'), group }, options))
  }
  return planned
}

interface NodeIdentity {
  readonly uid: OperatorUid
  readonly group: string
}

function planNode(node: LogicalNode, { uid, group }: NodeIdentity, options: PlanOptions): PlannedNode {
  const parallelism = node.parallelism ?? options.parallelism
  refuseOutOfRange(node, 'parallelism', parallelism)
  const chosenMax = node.maxParallelism ?? options.maxParallelism
  const maxParallelism = chosenMax === 'auto' ? defaultMaxParallelism(parallelism) : chosenMax
  refuseOutOfRange(node, 'max parallelism', maxParallelism)
  if (parallelism > maxParallelism) throw aboveMax(node, parallelism, maxParallelism)
  const chaining = options.operatorChaining === false ? 'never' : (node.chaining ?? 'any')
  return { node, uid, parallelism, maxParallelism, slotSharingGroup: group, chaining }
}

function groupOf(node: LogicalNode, planned: ReadonlyMap<NodeId, PlannedNode>): string {
  if (node.slotSharingGroup !== undefined) return checkedGroup(node, node.slotSharingGroup)
  const inputs = inputsOf(node).map(({ from }) => present(planned.get(from), 'a planned input').slotSharingGroup)
  const [group = DEFAULT_GROUP] = inputs
  return inputs.every((other) => other === group) ? group : DEFAULT_GROUP
}

function inputsOf(node: LogicalNode): readonly LogicalEdge[] {
  return node.kind === 'source' ? [] : node.inputs
}

function refuseOutOfRange(node: LogicalNode, what: string, value: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= MAX_PARALLELISM_LIMIT) return
  throw new EngineError(
    'GRA1003',
    `${what} of ${describeNode(node)} is ${value}. The job was not started. Use a whole number from 1 to ${MAX_PARALLELISM_LIMIT}.`,
    { context: { operator: node.name } },
  )
}

function aboveMax(node: LogicalNode, parallelism: number, maxParallelism: number): EngineError {
  return new EngineError(
    'GRA1003',
    `${describeNode(node)} has parallelism ${parallelism}, above its max parallelism ${maxParallelism}: some subtasks would get ` +
      'no key. The job was not started. Lower the parallelism, or raise the max parallelism before there is any state.',
    { context: { operator: node.name } },
  )
}

interface Chains {
  readonly vertices: readonly VertexDraft[]
  readonly edges: readonly JobEdge[]
}

function chain(logical: LogicalGraph, planned: ReadonlyMap<NodeId, PlannedNode>): Chains {
  const drafts = new Map<NodeId, OperatorDraft>()
  const vertices: VertexDraft[] = []
  const edges: JobEdge[] = []
  for (const node of logical.nodes) {
    const self = present(planned.get(node.id), 'a planned node')
    const inputs = inputsOf(node)
    const upstream = chainedUpstream(self, inputs, drafts)
    if (upstream !== undefined) {
      drafts.set(node.id, append(upstream.draft, self, upstream.edge))
      continue
    }
    const vertex: VertexDraft = { head: self, operators: [], inputs: [], outputs: [] }
    vertices.push(vertex)
    drafts.set(node.id, addOperator(vertex, self))
    for (const edge of inputs)
      edges.push(connect(edge, present(drafts.get(edge.from), 'an input'), vertex, edges.length))
  }
  return { vertices, edges }
}

/** The operator whose chain the node joins (N3). */
function chainedUpstream(
  self: PlannedNode,
  inputs: readonly LogicalEdge[],
  drafts: ReadonlyMap<NodeId, OperatorDraft>,
): { readonly draft: OperatorDraft; readonly edge: LogicalEdge } | undefined {
  const edge = inputs[0]
  if (edge === undefined || inputs.length !== 1 || edge.partitioning.kind !== 'forward') return undefined
  const draft = present(drafts.get(edge.from), 'an input')
  return mayChain(draft.planned, self) ? { draft, edge } : undefined
}

function mayChain(from: PlannedNode, to: PlannedNode): boolean {
  const isFree = from.chaining !== 'never' && to.chaining === 'any'
  const isAlike = from.parallelism === to.parallelism && from.maxParallelism === to.maxParallelism
  return isFree && isAlike && from.slotSharingGroup === to.slotSharingGroup
}

function append(upstream: OperatorDraft, self: PlannedNode, edge: LogicalEdge): OperatorDraft {
  const draft = addOperator(upstream.vertex, self)
  upstream.chained.push(Object.freeze({ to: draft.index, ...sideTagOf(edge) }))
  return draft
}

function addOperator(vertex: VertexDraft, planned: PlannedNode): OperatorDraft {
  const draft: OperatorDraft = { planned, vertex, index: vertex.operators.length, chained: [], outputs: [] }
  vertex.operators.push(draft)
  return draft
}

/** An edge between two vertices. */
function connect(edge: LogicalEdge, from: OperatorDraft, to: VertexDraft, index: number): JobEdge {
  // JobVertex.outputs and JobVertex.inputs name edges by their index in JobGraph.edges; an operator's outputs index its vertex's.
  from.outputs.push(from.vertex.outputs.length)
  from.vertex.outputs.push(index)
  to.inputs.push(index)
  return Object.freeze({
    index,
    from: vertexIdOf(from.vertex),
    fromOperator: from.planned.uid,
    ...sideTagOf(edge),
    to: vertexIdOf(to),
    port: edge.port ?? 0,
    partitioning: Object.freeze(partitioningBetween(edge.partitioning, from.planned, to.head)),
  })
}

// N4
function partitioningBetween(wanted: Partitioning, from: PlannedNode, to: PlannedNode): Partitioning {
  if (wanted.kind !== 'forward' || from.parallelism === to.parallelism) return wanted
  if (wanted.origin === 'user') throw forwardBetween(from, to)
  return { kind: 'rebalance' }
}

function forwardBetween(from: PlannedNode, to: PlannedNode): EngineError {
  const ends = [from, to].map(({ node, parallelism }) => `${describeNode(node)} with parallelism ${parallelism}`)
  return new EngineError(
    'GRA1009',
    `${ends.join(' hands its records by forward() to ')}: forward() keeps the subtask, and there is not one for each. ` +
      'The job was not started. Give both the same parallelism, or use rescale() or rebalance() instead.',
    { context: { operator: to.node.name } },
  )
}

function sideTagOf(edge: LogicalEdge): { readonly sideTag?: string } {
  return edge.sideTag === undefined ? {} : { sideTag: edge.sideTag }
}

function vertexIdOf(vertex: VertexDraft): VertexId {
  return vertexId(vertex.head.uid)
}

function freezeVertex(vertex: VertexDraft): JobVertex {
  return Object.freeze({
    id: vertexIdOf(vertex),
    name: vertex.operators.map(({ planned }) => planned.node.name).join(' → '),
    parallelism: vertex.head.parallelism,
    maxParallelism: vertex.head.maxParallelism,
    slotSharingGroup: vertex.head.slotSharingGroup,
    operators: Object.freeze(vertex.operators.map(freezeOperator)),
    inputs: Object.freeze(vertex.inputs),
    outputs: Object.freeze(vertex.outputs),
  })
}

function freezeOperator({ planned, chained, outputs }: OperatorDraft): ChainedOperator {
  return Object.freeze({
    uid: planned.uid,
    node: planned.node,
    chained: Object.freeze(chained),
    outputs: Object.freeze(outputs),
  })
}

function unreadWarnings({ nodes }: LogicalGraph): string[] {
  const read = new Set(nodes.flatMap((node) => inputsOf(node).map(({ from }) => from)))
  return nodes
    .filter((node) => node.kind !== 'sink' && !read.has(node.id))
    .map((node) => `Nothing reads the output of ${describeNode(node)}. Add a sink, or remove it.`)
}

function operatorWarnings({ nodes }: LogicalGraph): string[] {
  return nodes.flatMap((node) => {
    const warning = node.kind === 'operator' ? node.operator.warning : undefined
    return warning === undefined ? [] : [`${describeNode(node)} ${warning}`]
  })
}
