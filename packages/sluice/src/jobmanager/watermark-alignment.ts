/**
 * Watermark alignment: how far each source may go, given how far all of its group are. Pure. docs/spec/connectors.md, "Watermark alignment".
 *
 * Owns: who is in which group, what each subtask reported last, what each source was told last. Does not own: timers, messages
 * (alignment-driver.ts), pausing (task/source-alignment.ts).
 *
 * G1 The limit of a source is the smallest watermark of the active subtasks of its group plus its own drift. Idle and ended subtasks are left out; when
 *    no other is there, there is no limit.
 * G2 A subtask that has joined and not reported yet is at the beginning of time: it holds the group back.
 * G3 A source that is away (its region restarts) stays in its group with what it reported last.
 * G4 A limit is told at the source's own interval when it changed; at once when the group leaves the beginning of time.
 * G5 The slowest active subtask is never above its limit, so a group never waits for itself.
 */
import { present } from '../base/assert.ts'
import type { OperatorUid, SubtaskIndex } from '../base/ids.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import type { SourceWatermark } from '../stream/source-watermark.ts'

export interface AlignmentMember {
  readonly source: OperatorUid
  readonly group: string
  readonly maxDriftMs: number
  readonly parallelism: number
}

export type AlignmentEvent =
  /** The source's tasks run. */
  | { readonly kind: 'joined'; readonly member: AlignmentMember }
  | {
      readonly kind: 'reported'
      readonly source: OperatorUid
      readonly subtask: SubtaskIndex
      readonly progress: SourceWatermark
    }
  /** The update interval of the source has passed. */
  | { readonly kind: 'tick'; readonly source: OperatorUid }
  /** Its attempt is over. */
  | { readonly kind: 'left'; readonly source: OperatorUid }

/** To all subtasks of the source. */
interface Announcement {
  readonly source: OperatorUid
  /** Milliseconds; MAX_WATERMARK: no limit. */
  readonly watermarkMax: number
}

type AlignedSource =
  | {
      readonly presence: 'here'
      readonly member: AlignmentMember
      readonly subtasks: readonly SourceWatermark[]
      readonly announced: number | undefined
    }
  | { readonly presence: 'away'; readonly member: AlignmentMember; readonly subtasks: readonly SourceWatermark[] }

export type AlignmentState = ReadonlyMap<OperatorUid, AlignedSource>

export interface AlignmentStep {
  readonly state: AlignmentState
  readonly announcements: readonly Announcement[]
}

export const NO_ALIGNMENT: AlignmentState = new Map()

const NOT_REPORTED: SourceWatermark = Object.freeze({ kind: 'active', watermark: MIN_WATERMARK })

export function stepAlignment(state: AlignmentState, event: AlignmentEvent): AlignmentStep {
  switch (event.kind) {
    case 'joined':
      return quiet(put(state, joined(event.member)))
    case 'left':
      return quiet(left(state, event.source))
    case 'reported':
      return reported(state, event.source, event.subtask, event.progress)
    case 'tick':
      return announce(state, [event.source])
  }
}

function quiet(state: AlignmentState): AlignmentStep {
  return { state, announcements: [] }
}

function put(state: AlignmentState, source: AlignedSource): AlignmentState {
  return new Map(state).set(source.member.source, source)
}

// G2
function joined(member: AlignmentMember): AlignedSource {
  const subtasks = Array.from({ length: member.parallelism }, () => NOT_REPORTED)
  return { presence: 'here', member, subtasks, announced: undefined }
}

// G3
function left(state: AlignmentState, uid: OperatorUid): AlignmentState {
  const source = state.get(uid)
  if (source === undefined) return state
  return put(state, { presence: 'away', member: source.member, subtasks: source.subtasks })
}

function reported(
  state: AlignmentState,
  uid: OperatorUid,
  subtask: SubtaskIndex,
  progress: SourceWatermark,
): AlignmentStep {
  const source = state.get(uid)
  if (source?.presence !== 'here' || subtask >= source.subtasks.length) return quiet(state) // its attempt is over
  const next = put(state, { ...source, subtasks: source.subtasks.with(subtask, progress) })
  const { group } = source.member
  const hasBegun = leastOf(state, group) === MIN_WATERMARK && leastOf(next, group) !== MIN_WATERMARK
  return hasBegun ? announce(next, membersOf(next, group)) : quiet(next) // G4
}

function announce(state: AlignmentState, uids: readonly OperatorUid[]): AlignmentStep {
  let next = state
  const announcements: Announcement[] = []
  for (const uid of uids) {
    const source = next.get(uid)
    if (source?.presence !== 'here') continue
    const watermarkMax = limitOf(next, source.member)
    if (watermarkMax === source.announced) continue
    announcements.push({ source: uid, watermarkMax })
    next = put(next, { ...source, announced: watermarkMax })
  }
  return { state: next, announcements }
}

// G1
function limitOf(state: AlignmentState, { group, maxDriftMs }: AlignmentMember): number {
  return Math.min(MAX_WATERMARK, leastOf(state, group) + maxDriftMs)
}

/** MAX_WATERMARK when no subtask is active. */
function leastOf(state: AlignmentState, group: string): number {
  let least = MAX_WATERMARK
  for (const uid of membersOf(state, group)) {
    for (const progress of present(state.get(uid), 'a source of the group').subtasks)
      if (progress.kind === 'active') least = Math.min(least, progress.watermark)
  }
  return least
}

function membersOf(state: AlignmentState, group: string): readonly OperatorUid[] {
  return [...state].flatMap(([uid, { member }]) => (member.group === group ? [uid] : []))
}
