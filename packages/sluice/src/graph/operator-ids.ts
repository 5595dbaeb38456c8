import { operatorUid, type OperatorUid } from '../base/ids.ts'
import { EngineError } from '../base/errors.ts'
import type { LogicalGraph, LogicalNode, NodeId } from './logical-graph.ts'

/** Ids of all nodes, and what the author should know about the derived ones. */
export interface OperatorIds {
  readonly byNode: ReadonlyMap<NodeId, OperatorUid>
  readonly warnings: readonly string[]
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

/**
 * The user's uid where there is one; a derived, repeatable one for what keeps no state of its own.
 *
 * @throws GRA1001 for a stateful operator without uid, GRA1002 for two with the same, GRA1008 for one that cannot name files
 */
export function assignIds(graph: LogicalGraph): OperatorIds {
  refuseMissingUids(graph)
  const byNode = new Map<NodeId, OperatorUid>()
  const owners = new Map<string, LogicalNode>()
  const ordinals = new Map<string, number>()
  const warnings: string[] = []
  for (const node of graph.nodes) {
    const uid = node.uid === undefined ? derivedUid(node, ordinals) : checkedUid(node, node.uid)
    const owner = owners.get(uid)
    if (owner !== undefined) throw sharedUid(uid, owner, node)
    owners.set(uid, node)
    byNode.set(node.id, operatorUid(uid))
    if (node.uid === undefined && node.kind !== 'operator') warnings.push(derivedWarning(node, uid))
  }
  return { byNode, warnings }
}

/** How messages name a node: `window "delay-by-origin" (node 3)`. */
export function describeNode(node: LogicalNode): string {
  return `${kindOf(node)} "${node.name}" (node ${node.id})`
}

/** What kind of operator, source or sink a node is. */
export function kindOf(node: LogicalNode): string {
  if (node.kind === 'operator') return node.operator.kind
  return node.kind === 'source' ? `${node.source.kind} source` : `${node.sink.kind} sink`
}

/** Sources and sinks count among their own kind, so that a new map in between does not rename them. */
function derivedUid(node: LogicalNode, ordinals: Map<string, number>): string {
  if (node.kind === 'operator') return `auto-${node.id}-${wordOf(node.operator.kind)}`
  const kind = `${node.kind}-${wordOf(node.kind === 'source' ? node.source.kind : node.sink.kind)}`
  const ordinal = ordinals.get(kind) ?? 0
  ordinals.set(kind, ordinal + 1)
  return `auto-${kind}-${ordinal}`
}

function wordOf(kind: string): string {
  return kind.replace(/[^A-Za-z0-9._-]+/g, '-')
}

function checkedUid(node: LogicalNode, uid: string): string {
  if (NAME.test(uid)) return uid
  throw new EngineError(
    'GRA1008',
    `uid ${JSON.stringify(uid)} of ${describeNode(node)} cannot be used. The job was not started. ` +
      'Use 1 to 100 letters, digits, ".", "_" and "-", the first one a letter or digit: a uid names files of checkpoints and sinks.',
    { context: { operator: node.name } },
  )
}

/** @throws GRA1008 for a name of a slot-sharing group that could not be told apart from others in lists and addresses */
export function checkedGroup(node: LogicalNode, group: string): string {
  if (NAME.test(group)) return group
  throw new EngineError(
    'GRA1008',
    `slot-sharing group ${JSON.stringify(group)} of ${describeNode(node)} cannot be used. The job was not started. ` +
      'Use 1 to 100 letters, digits, ".", "_" and "-", the first one a letter or digit.',
    { context: { operator: node.name } },
  )
}

function refuseMissingUids(graph: LogicalGraph): void {
  const missing = graph.nodes.filter(
    (node) => node.kind === 'operator' && node.operator.stateful && node.uid === undefined,
  )
  const first = missing[0]
  if (first === undefined) return
  throw new EngineError(
    'GRA1001',
    `${missing.map(describeNode).join(', ')} of job "${graph.jobName}" keeps state and has no uid. The job was not started: ` +
      'without a uid its state could not be found again after the job changes. ' +
      `Add one behind the operator, e.g. .uid('${suggestedUid(first)}').`,
    { context: { job: graph.jobName, operator: first.name } },
  )
}

function suggestedUid(node: LogicalNode): string {
  return `${wordOf(node.name)}-by-key`.toLowerCase()
}

function sharedUid(uid: string, first: LogicalNode, second: LogicalNode): EngineError {
  return new EngineError(
    'GRA1002',
    `${describeNode(first)} and ${describeNode(second)} share the uid "${uid}". The job was not started: ` +
      'their state in checkpoints could not be told apart. Give each its own uid.',
    { context: { operator: second.name } },
  )
}

function derivedWarning(node: LogicalNode, uid: string): string {
  return (
    `${describeNode(node)} has no uid, "${uid}" is used. Checkpoints are lost for it when another ${kindOf(node)} is added ` +
    'before it. Give it a uid.'
  )
}
