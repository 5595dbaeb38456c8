/** Bytes of a key group as entries again, into the states that the operator declares now: chunk-format.ts, docs/spec/bytes.md. */
import { ByteReader } from '../base/bytes.ts'
import { asEngineError } from '../base/errors.ts'
import { ShapeTable } from '../serde/shape-table.ts'
import { anySerializer } from '../serde/type-serializer.ts'
import { type KeyGroupRange, checkKey, keyGroupOf } from '../stream/key-groups.ts'
import {
  CHECKSUM_BYTES,
  ENTRY_COUNT_OFFSET,
  FIXED_HEADER_BYTES,
  SLOT_BITS_PER_VARINT,
  STATE_KINDS,
  TIMER_ABSOLUTE_NAMESPACE,
  TIMER_ABSOLUTE_TIMESTAMP,
  TIMER_FLAGS_MAX,
  TIMER_TEXT_NAMESPACE,
  corruptChunk,
} from './chunk-format.ts'
import type { DeclaredState, DeclaredStates, StateKind } from './declared-states.ts'
import { Entry, EVENT_TIMERS_SLOT, FIRST_STATE_SLOT, PAIRS_SLOT, PROCESSING_TIMERS_SLOT } from './entry.ts'
import { convertedContent } from './converted-content.ts'
import { ExpiringList, type ExpiringMap, Stamped } from './expiring.ts'
import { mapIn } from './slot-contents.ts'
import { StateMap } from './state-map.ts'
import { type TimerSet, hasTimer, timerSetOf, withTimer } from './timer-set.ts'

/** Where decoded entries go. */
export type EntryReceiver = (entry: Entry) => void

export interface ChunkReaderOptions {
  readonly uid: string
  readonly maxParallelism: number
  readonly keyGroups: KeyGroupRange
  readonly states: DeclaredStates
}

/** Decodes one chunk that `splitChunks` gave. Chunks of foreign key groups are skipped, unread. */
export function readChunk(chunk: Uint8Array, options: ChunkReaderOptions, receive: EntryReceiver): void {
  const reader = new ByteReader(chunk.subarray(0, chunk.length - CHECKSUM_BYTES))
  const header = reader.dataView
  const keyGroup = header.getUint16(6, true)
  if (keyGroup < options.keyGroups.first || keyGroup > options.keyGroups.last) return
  reader.skip(FIXED_HEADER_BYTES)
  try {
    checkOwner(reader, options)
    const states = readStates(reader, options)
    const entries = new EntryReader(reader, states, options)
    for (let left = header.getUint32(ENTRY_COUNT_OFFSET, true); left > 0; left--) entries.readOne(keyGroup, receive)
    reader.finish(`the chunk of key group ${keyGroup}`)
  } catch (error) {
    throw asEngineError(error, 'SER1002', `the chunk of key group ${keyGroup} cannot be decoded`, {
      operator: options.uid,
    })
  }
}

function checkOwner(reader: ByteReader, { uid, maxParallelism }: ChunkReaderOptions): void {
  const writtenWith = reader.varint()
  const owner = reader.string()
  if (owner !== uid) throw corruptChunk(`it belongs to operator "${owner}", and was handed to operator "${uid}"`, uid)
  if (writtenWith === maxParallelism) return
  throw corruptChunk(`it was written with max parallelism ${writtenWith}, and is read with ${maxParallelism}`, uid)
}

/** A state as it was written, and where its content goes. */
interface FoundState {
  readonly kind: StateKind
  readonly state: DeclaredState
}

function readStates(reader: ByteReader, { states, uid }: ChunkReaderOptions): FoundState[] {
  const found: FoundState[] = []
  for (let left = reader.count(4, 'states'); left > 0; left--) {
    const name = reader.string()
    const kind = readKind(reader)
    const id = reader.string()
    const version = reader.varint()
    if (id !== anySerializer.id || version !== anySerializer.version) {
      throw reader.malformed(
        `state "${name}" of operator "${uid}" was written by serializer ${id} version ${version}, and is read by ${anySerializer.id} version ${anySerializer.version}`,
      )
    }
    found.push({ kind, state: states.restored(name, kind) })
  }
  return found
}

function readKind(reader: ByteReader): StateKind {
  const code = reader.u8()
  const kind = STATE_KINDS[code]
  if (kind === undefined) throw reader.malformed(`${code} is no kind of state`)
  return kind
}

class EntryReader {
  readonly #reader: ByteReader
  readonly #states: readonly FoundState[]
  readonly #options: ChunkReaderOptions
  readonly #shapes = new ShapeTable()
  readonly #isFilled: boolean[] = []
  #lastTimestamp = 0
  #lastNamespace = 0

  constructor(reader: ByteReader, states: readonly FoundState[], options: ChunkReaderOptions) {
    this.#reader = reader
    this.#states = states
    this.#options = options
  }

  readOne(keyGroup: number, receive: EntryReceiver): void {
    this.#readFilled()
    const key = checkKey(anySerializer.read(this.#reader, this.#shapes))
    if (keyGroupOf(key, this.#options.maxParallelism) !== keyGroup) {
      throw corruptChunk(
        `key ${JSON.stringify(String(key))} does not belong to key group ${keyGroup}`,
        this.#options.uid,
      )
    }
    const entry = new Entry(key, keyGroup, 0)
    if (this.#isFilled[EVENT_TIMERS_SLOT] === true) entry.setContent(EVENT_TIMERS_SLOT, this.#readTimers())
    if (this.#isFilled[PROCESSING_TIMERS_SLOT] === true) entry.setContent(PROCESSING_TIMERS_SLOT, this.#readTimers())
    let slot = FIRST_STATE_SLOT
    for (const state of this.#states) if (this.#isFilled[slot++] === true) this.#readState(entry, state)
    receive(entry)
  }

  #readFilled(): void {
    const count = FIRST_STATE_SLOT + this.#states.length
    for (let first = 0; first < count; first += SLOT_BITS_PER_VARINT) {
      const bits = this.#reader.varint()
      const end = Math.min(count, first + SLOT_BITS_PER_VARINT)
      for (let i = first; i < end; i++) this.#isFilled[i] = (bits & (1 << (i - first))) !== 0
    }
  }

  #readState(entry: Entry, { kind, state }: FoundState): void {
    if (kind === 'map' && state.slot === PAIRS_SLOT) return this.#readPairs(entry)
    const content = this.#readContent(kind)
    if (content === undefined) return
    const converted = kind === state.kind ? content : convertedContent(kind, content)
    if (state.slot !== PAIRS_SLOT) return entry.setContent(state.slot, converted)
    for (const [key, value] of mapIn(converted).entries()) entry.put(key, value) // only maps have that slot
  }

  #readContent(kind: StateKind): unknown {
    switch (kind) {
      case 'value':
      case 'reducing':
      case 'aggregating':
        return this.#readValue()
      case 'list':
        return this.#readList()
      case 'map':
        return this.#readMap()
      case 'expiring-value':
      case 'expiring-reducing':
      case 'expiring-aggregating':
        return this.#readStamped()
      case 'expiring-list':
        return this.#readExpiringList()
      case 'expiring-map':
        return this.#readExpiringMap()
    }
  }

  #readMap(): StateMap<unknown, unknown> | undefined {
    const map = new StateMap<unknown, unknown>()
    this.#readPairs(map)
    return map.size === 0 ? undefined : map
  }

  #readStamped(): Stamped<unknown> {
    const value = this.#readValue()
    return new Stamped(value, this.#reader.zigzag())
  }

  #readExpiringList(): ExpiringList<unknown> | undefined {
    const values = this.#readList()
    return values === undefined
      ? undefined
      : new ExpiringList(
          values,
          values.map(() => this.#reader.zigzag()),
        )
  }

  #readExpiringMap(): ExpiringMap<unknown, unknown> | undefined {
    const map: ExpiringMap<unknown, unknown> = new StateMap()
    for (let left = this.#reader.count(3, 'expiring map pairs'); left > 0; left--) {
      const key = this.#readValue()
      map.put(key, this.#readStamped())
    }
    return map.size === 0 ? undefined : map
  }

  #readValue(): unknown {
    return anySerializer.read(this.#reader, this.#shapes)
  }

  #readList(): unknown[] | undefined {
    const list: unknown[] = []
    for (let left = this.#reader.count(1, 'list elements'); left > 0; left--) list.push(this.#readValue())
    return list.length === 0 ? undefined : list
  }

  #readPairs(map: StateMap<unknown, unknown>): void {
    for (let left = this.#reader.count(2, 'map pairs'); left > 0; left--) {
      const key = this.#readValue()
      map.put(key, this.#readValue())
    }
  }

  #readTimers(): TimerSet | undefined {
    let timers: TimerSet | undefined
    for (let left = this.#reader.count(3, 'timers'); left > 0; left--) {
      const flags = this.#reader.u8()
      if (flags > TIMER_FLAGS_MAX) throw this.#reader.malformed(`${flags} does not start a timer`)
      this.#lastTimestamp = this.#readNumber(flags & TIMER_ABSOLUTE_TIMESTAMP, this.#lastTimestamp)
      const namespace = (flags & TIMER_TEXT_NAMESPACE) === 0 ? this.#readNamespace(flags) : this.#reader.string()
      if (timers === undefined) timers = timerSetOf(this.#lastTimestamp, namespace)
      else if (!hasTimer(timers, this.#lastTimestamp, namespace))
        timers = withTimer(timers, this.#lastTimestamp, namespace)
    }
    return timers
  }

  #readNamespace(flags: number): number {
    this.#lastNamespace = this.#readNumber(flags & TIMER_ABSOLUTE_NAMESPACE, this.#lastNamespace)
    return this.#lastNamespace
  }

  #readNumber(isAbsolute: number, last: number): number {
    const value = this.#reader.zigzag() + (isAbsolute === 0 ? last : 0)
    if (!Number.isSafeInteger(value)) throw this.#reader.malformed(`${value} is not a time or namespace of a timer`)
    return value
  }
}
