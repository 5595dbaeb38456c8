import { present } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { ErrorPolicy } from '../connector/error-policy.ts'
import type { Chaining, LogicalGraph, LogicalNode, NodeId } from '../graph/logical-graph.ts'

/** What can be said about a node after it was added. */
export interface NodePatch {
  readonly name?: string
  readonly uid?: string
  readonly parallelism?: number
  readonly maxParallelism?: number
  readonly chaining?: Chaining
  readonly slotSharingGroup?: string
  readonly errorPolicy?: ErrorPolicy
}

/**
 * Collects nodes and settings while the build function of a job runs, and gives them out once, frozen.
 *
 * B1 Nodes are numbered in the order in which they are added, and read only nodes with smaller numbers.
 * B2 Nothing changes after `build`: GRA1007.
 * B3 A node that was given no name goes by its uid, and by its kind without one. No name is part of the layout.
 */
export class GraphBuilder {
  readonly #jobName: string
  readonly #nodes: LogicalNode[] = []
  readonly #named = new Set<NodeId>()
  readonly #options = new Map<string, string>()
  #phase: 'building' | 'built' = 'building'

  constructor(jobName: string) {
    this.#jobName = jobName
  }

  /** Adds a node that has its kind as its name until it is patched. */
  add(make: (id: NodeId) => LogicalNode): NodeId {
    this.#refuseChange()
    const id = this.#nodes.length
    this.#nodes.push(Object.freeze(make(id)))
    return id
  }

  patch(id: NodeId, patch: NodePatch): void {
    this.#refuseChange()
    const node = present(this.#nodes[id], 'a node of the graph')
    if (patch.name !== undefined) this.#named.add(id)
    this.#nodes[id] = Object.freeze({ ...node, ...patch })
  }

  setOption(key: string, text: string): void {
    this.#refuseChange()
    this.#options.set(key, text)
  }

  /** Forgets what was set for every option whose key begins so. */
  clearOptions(prefix: string): void {
    this.#refuseChange()
    for (const key of this.#options.keys()) if (key.startsWith(prefix)) this.#options.delete(key)
  }

  build(): LogicalGraph {
    this.#phase = 'built'
    return Object.freeze({
      jobName: this.#jobName,
      nodes: Object.freeze(this.#nodes.map((node) => this.#withName(node))),
      settings: Object.freeze({ options: Object.freeze(Object.fromEntries(this.#options)) }),
    })
  }

  /** B3 */
  #withName(node: LogicalNode): LogicalNode {
    if (node.uid === undefined || this.#named.has(node.id)) return node
    return Object.freeze({ ...node, name: node.uid })
  }

  #refuseChange(): void {
    if (this.#phase === 'building') return
    throw new EngineError(
      'GRA1007',
      `the graph of job "${this.#jobName}" was changed after its build function had returned. The change has no effect. ` +
        'Build the whole graph inside the function given to defineJob, without async, timers or callbacks.',
      { context: { job: this.#jobName } },
    )
  }
}
