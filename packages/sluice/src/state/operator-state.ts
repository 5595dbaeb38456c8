/** How the items of one operator state are handed out when the parallelism changes. */
export type RedistributionMode = 'split' | 'union' | 'broadcast'

/** One named operator state of one subtask: items are plain encodable values. */
export interface OperatorStateList {
  readonly name: string
  readonly mode: RedistributionMode
  readonly items: readonly unknown[]
}

export type OperatorStateItems = readonly OperatorStateList[]
