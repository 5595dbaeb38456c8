declare const brand: unique symbol

/** A type that only its maker can make from a plain value: ids of different things do not mix. */
type Branded<T, Name extends string> = T & { readonly [brand]: Name }

/** Number of a checkpoint within one job: positive, grows, never reused, not contiguous. */
export type CheckpointId = Branded<number, 'CheckpointId'>
/** Number of the leader of a job, claimed by conditional create; higher wins. */
export type LeaderEpoch = Branded<number, 'LeaderEpoch'>
/** Count of deployments of the job under one leader: 0 for the first, one more for each restart. */
export type AttemptNumber = Branded<number, 'AttemptNumber'>
/** Id of an operator: the user's uid, or a derived one. Unique within a job. */
export type OperatorUid = Branded<string, 'OperatorUid'>
/** Id of a chained vertex of the job graph: the uid of its head operator. */
export type VertexId = Branded<string, 'VertexId'>
/** Zero-based index of a subtask among its parallel siblings. */
export type SubtaskIndex = Branded<number, 'SubtaskIndex'>
/** Zero-based index of a slot within the job. */
export type SlotIndex = Branded<number, 'SlotIndex'>

export const checkpointId = (value: number): CheckpointId => value as CheckpointId // brands are made here only
export const leaderEpoch = (value: number): LeaderEpoch => value as LeaderEpoch // brands are made here only
export const attemptNumber = (value: number): AttemptNumber => value as AttemptNumber // brands are made here only
export const operatorUid = (value: string): OperatorUid => value as OperatorUid // brands are made here only
export const vertexId = (value: string): VertexId => value as VertexId // brands are made here only
export const subtaskIndex = (value: number): SubtaskIndex => value as SubtaskIndex // brands are made here only
export const slotIndex = (value: number): SlotIndex => value as SlotIndex // brands are made here only
