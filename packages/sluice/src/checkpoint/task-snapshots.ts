import type { TaskAddress, TaskSnapshot } from './handles.ts'

/** One for each task. */
export function taskKey({ vertex, subtask }: TaskAddress): string {
  return `${vertex}/${subtask}`
}

/** Bytes of all cuts together. */
export function totalStateBytes(snapshots: readonly TaskSnapshot[]): number {
  return snapshots.reduce((sum, { stats }) => sum + stats.stateBytes, 0)
}

/** The greatest value of one number of all cuts; 0 when there are none. */
export function maxOf(snapshots: readonly TaskSnapshot[], stat: (snapshot: TaskSnapshot) => number): number {
  return snapshots.reduce((max, snapshot) => Math.max(max, stat(snapshot)), 0)
}
