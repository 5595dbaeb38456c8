/**
 * Assigners that run: from a record to its windows.
 *
 * B1 A window has one id per key, from which the window can be told again: timers of a window carry nothing else.
 */
import type { EngineError } from '../base/errors.ts'
import type { TimerNamespace } from '../state/keyed-state.ts'
import { WINDOW_LENGTH_MAX_MS } from './event-time.ts'
import type { OperatorInfo } from './operator.ts'
import { userError, userResultError } from './user-error.ts'
import type {
  CustomWindowAssigner,
  DynamicSessionWindows,
  SessionWindows,
  SlidingWindows,
  TumblingWindows,
  WindowAssigner,
  WindowAssignerContext,
} from './window-assigners.ts'
import { GLOBAL_WINDOW, type TimeWindow } from './window-definition.ts'
import { windowIndex } from './window-index.ts'
import { WINDOWS_PER_RECORD_MAX } from './window-limits.ts'

/** Takes the windows of a record, one call each. */
type AddWindow = (start: number, end: number) => void

export interface OpenAssigner {
  /** The windows of a record; `atMs` is its time in the assigner's domain. */
  assign(value: unknown, atMs: number, add: AddWindow): void
  idOf(start: number, end: number): TimerNamespace
  windowOf(id: TimerNamespace): TimeWindow
}

/** What of an assigner is known without opening it. */
export interface AssignerTraits {
  /** Whose clock ends its windows. */
  readonly domain: 'event' | 'processing'
  /** Whether a record must have a timestamp. */
  readonly needsTimestamps: boolean
  readonly isMerging: boolean
}

export function traitsOf(assigner: WindowAssigner<unknown>): AssignerTraits {
  switch (assigner.kind) {
    case 'global':
      return { domain: 'event', needsTimestamps: false, isMerging: false }
    case 'custom': {
      const domain = assigner.isEventTime ? 'event' : 'processing'
      return { domain, needsTimestamps: assigner.isEventTime, isMerging: assigner.isMerging ?? false }
    }
    case 'tumbling':
    case 'sliding':
    case 'session':
    case 'dynamic-session': {
      const domain = assigner.time ?? 'event'
      const isMerging = assigner.kind === 'session' || assigner.kind === 'dynamic-session'
      return { domain, needsTimestamps: domain === 'event', isMerging }
    }
  }
}

export function openAssigner(
  assigner: WindowAssigner<unknown>,
  info: OperatorInfo,
  context: WindowAssignerContext,
): OpenAssigner {
  switch (assigner.kind) {
    case 'tumbling':
    case 'sliding':
      return new OpenAligned(assigner)
    case 'session':
      return new OpenSessions(assigner)
    case 'dynamic-session':
      return new OpenDynamicSessions(assigner, info)
    case 'global':
      return new OpenGlobal()
    case 'custom':
      return new OpenCustom(assigner, info, context)
  }
}

/** All of one size: the start says everything. */
class OpenAligned implements OpenAssigner {
  readonly #sizeMs: number
  readonly #slideMs: number
  readonly #offsetMs: number

  constructor(assigner: TumblingWindows | SlidingWindows) {
    this.#sizeMs = assigner.sizeMs
    this.#slideMs = assigner.kind === 'sliding' ? assigner.slideMs : assigner.sizeMs
    this.#offsetMs = assigner.offsetMs
  }

  assign(_value: unknown, atMs: number, add: AddWindow): void {
    const last = windowIndex(atMs, this.#offsetMs, this.#slideMs) * this.#slideMs + this.#offsetMs
    for (let start = last; start > atMs - this.#sizeMs; start -= this.#slideMs) add(start, start + this.#sizeMs)
  }

  idOf(start: number): TimerNamespace {
    return start
  }

  windowOf(id: TimerNamespace): TimeWindow {
    const start = Number(id)
    return { start, end: start + this.#sizeMs }
  }
}

/** Windows of any bounds. */
abstract class OpenRanges implements OpenAssigner {
  abstract assign(value: unknown, atMs: number, add: AddWindow): void

  idOf(start: number, end: number): TimerNamespace {
    return `${start}:${end}`
  }

  windowOf(id: TimerNamespace): TimeWindow {
    const [start, end] = String(id).split(':')
    return { start: Number(start), end: Number(end) }
  }
}

class OpenSessions extends OpenRanges {
  readonly #gapMs: number

  constructor(assigner: SessionWindows) {
    super()
    this.#gapMs = assigner.gapMs
  }

  override assign(_value: unknown, atMs: number, add: AddWindow): void {
    add(atMs, atMs + this.#gapMs)
  }
}

class OpenDynamicSessions extends OpenRanges {
  readonly #assigner: DynamicSessionWindows<unknown>
  readonly #info: OperatorInfo

  constructor(assigner: DynamicSessionWindows<unknown>, info: OperatorInfo) {
    super()
    this.#assigner = assigner
    this.#info = info
  }

  override assign(value: unknown, atMs: number, add: AddWindow): void {
    add(atMs, atMs + this.#gapMsOf(value))
  }

  #gapMsOf(value: unknown): number {
    let gapMs: number
    try {
      gapMs = this.#assigner.gapMsOf(value)
    } catch (cause) {
      throw userError(this.#info, 'gap function of a session window', cause)
    }
    if (Number.isSafeInteger(gapMs) && gapMs > 0 && gapMs <= WINDOW_LENGTH_MAX_MS) return gapMs
    throw userResultError(
      this.#info,
      'gap function of a session window',
      `returned ${shown(gapMs)}, which is no gap. The record has no session, and the task stops. Return whole milliseconds from 1 to ${WINDOW_LENGTH_MAX_MS}.`,
    )
  }
}

class OpenGlobal implements OpenAssigner {
  assign(_value: unknown, _atMs: number, add: AddWindow): void {
    add(GLOBAL_WINDOW.start, GLOBAL_WINDOW.end)
  }

  idOf(): TimerNamespace {
    return 0
  }

  windowOf(): TimeWindow {
    return GLOBAL_WINDOW
  }
}

class OpenCustom extends OpenRanges {
  readonly #assigner: CustomWindowAssigner<unknown>
  readonly #info: OperatorInfo
  readonly #context: WindowAssignerContext

  constructor(assigner: CustomWindowAssigner<unknown>, info: OperatorInfo, context: WindowAssignerContext) {
    super()
    this.#assigner = assigner
    this.#info = info
    this.#context = context
  }

  override assign(value: unknown, atMs: number, add: AddWindow): void {
    const windows = this.#windowsOf(value, atMs)
    for (const window of windows) if (!isWindow(window)) throw this.#noWindow(window)
    for (const { start, end } of windows) add(start, end)
  }

  #windowsOf(value: unknown, atMs: number): readonly TimeWindow[] {
    let windows: readonly TimeWindow[]
    try {
      windows = this.#assigner.assignWindows(value, atMs, this.#context)
    } catch (cause) {
      throw userError(this.#info, this.#what(), cause)
    }
    if (!Array.isArray(windows) || windows.length > WINDOWS_PER_RECORD_MAX) throw this.#noList(windows)
    return windows
  }

  #noList(windows: unknown): EngineError {
    const found = Array.isArray(windows) ? `${windows.length} windows` : shown(windows)
    return userResultError(
      this.#info,
      this.#what(),
      `returned ${found} for a record. It belongs to no window, and the task stops. Return an array of at most ${WINDOWS_PER_RECORD_MAX} windows, an empty one to leave the record out.`,
    )
  }

  #noWindow(window: unknown): EngineError {
    return userResultError(
      this.#info,
      this.#what(),
      `returned a window that is none: ${shown(window)}. The task stops. A window is { start, end } in whole milliseconds, with start before end and both safe integers.`,
    )
  }

  #what(): string {
    return `assignWindows function of assigner "${this.#assigner.name}"`
  }
}

function isWindow(window: unknown): window is TimeWindow {
  if (typeof window !== 'object' || window === null) return false
  const { start, end }: Partial<TimeWindow> = window
  return Number.isSafeInteger(start) && Number.isSafeInteger(end) && Number(start) < Number(end)
}

/** A window of a message: never more than a few words of what a user function returned. */
function shown(value: unknown): string {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'object' || value === null) return typeof value
  const { start, end }: Partial<TimeWindow> = value
  return `[${String(start)}, ${String(end)})`
}
