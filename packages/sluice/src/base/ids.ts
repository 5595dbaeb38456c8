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
/** 32 lower-case hexadecimal digits, chosen when the job is submitted. */
export type JobId = Branded<string, 'JobId'>
/** Name of one TaskManager process, unique for ever: a restarted process has another one. */
export type TaskManagerId = Branded<string, 'TaskManagerId'>
/** One slot of one TaskManager given to one job, from its start to its end; never reused. */
export type AllocationId = Branded<string, 'AllocationId'>
/** SHA-256 of a job bundle, lower-case hexadecimal. */
export type ArtifactHash = Branded<string, 'ArtifactHash'>

const maker =
  <Plain, Id extends Plain>() =>
  (value: Plain): Id =>
    value as Id // brands are made here only

export const checkpointId = maker<number, CheckpointId>()
export const leaderEpoch = maker<number, LeaderEpoch>()
export const attemptNumber = maker<number, AttemptNumber>()
export const operatorUid = maker<string, OperatorUid>()
export const vertexId = maker<string, VertexId>()
export const subtaskIndex = maker<number, SubtaskIndex>()
export const slotIndex = maker<number, SlotIndex>()
export const jobId = maker<string, JobId>()
export const taskManagerId = maker<string, TaskManagerId>()
export const allocationId = maker<string, AllocationId>()
export const artifactHash = maker<string, ArtifactHash>()
