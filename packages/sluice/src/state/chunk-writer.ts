/** Entries of one key group as bytes: chunk-format.ts, docs/spec/bytes.md. The other direction: chunk-reader.ts. */
import { ByteWriter, crc32 } from '../base/bytes.ts'
import type { EngineError } from '../base/errors.ts'
import { ShapeTable } from '../serde/shape-table.ts'
import { anySerializer } from '../serde/type-serializer.ts'
import { unencodable } from '../serde/unencodable.ts'
import type { Key } from '../stream/key-groups.ts'
import {
  CHUNK_FORMAT_VERSION,
  CHUNK_MAGIC,
  ENTRY_COUNT_OFFSET,
  LENGTH_OFFSET,
  SLOT_BITS_PER_VARINT,
  STATE_KINDS,
  TIMER_ABSOLUTE_NAMESPACE,
  TIMER_ABSOLUTE_TIMESTAMP,
  TIMER_TEXT_NAMESPACE,
} from './chunk-format.ts'
import type { DeclaredState, StateKind } from './declared-states.ts'
import { type Entry, EVENT_TIMERS_SLOT, PROCESSING_TIMERS_SLOT } from './entry.ts'
import type { KeyGroupChunk, TimerNamespace } from './keyed-state.ts'
import { convertedContent } from './converted-content.ts'
import type { ExpiringList, ExpiringMap, Stamped } from './expiring.ts'
import { expiringListIn, expiringMapIn, listIn, mapIn, stampedIn } from './slot-contents.ts'
import type { PairVisitor, StateMap } from './state-map.ts'
import { ManyTimers, type TimerSet, namespaceOf, timerCount, timestampOf } from './timer-set.ts'

/** What all chunks of one snapshot say about themselves. */
export interface ChunkDescription {
  readonly uid: string
  readonly maxParallelism: number
  readonly states: readonly DeclaredState[]
}

/** Writes the entries of one key group as chunks, one after the other. */
export class ChunkWriter implements PairVisitor<unknown, unknown> {
  readonly #keyGroup: number
  readonly #description: ChunkDescription
  /** Of the timers and the states, in the order of the format. */
  readonly #slots: readonly number[]
  readonly #out = new ByteWriter()
  #shapes = new ShapeTable()
  #entryCount = 0
  #lastTimestamp = 0
  #lastNamespace = 0

  constructor(keyGroup: number, description: ChunkDescription) {
    this.#keyGroup = keyGroup
    this.#description = description
    this.#slots = [EVENT_TIMERS_SLOT, PROCESSING_TIMERS_SLOT, ...description.states.map(({ slot }) => slot)]
    this.#begin()
  }

  get length(): number {
    return this.#out.length
  }

  get entryCount(): number {
    return this.#entryCount
  }

  add(entry: Entry): void {
    const { states } = this.#description
    writeFilled(this.#out, entry, this.#slots)
    anySerializer.write(this.#out, entry.key, this.#shapes)
    this.#timers(entry.contentAs<TimerSet>(EVENT_TIMERS_SLOT))
    this.#timers(entry.contentAs<TimerSet>(PROCESSING_TIMERS_SLOT))
    for (const state of states) {
      const content = entry.contentOf(state.slot)
      if (content !== undefined) this.#content(state, content, entry.key)
    }
    this.#entryCount++
  }

  /** The chunk with what was added; the next one begins. */
  finish(): KeyGroupChunk {
    const out = this.#out
    out.dataView.setUint32(LENGTH_OFFSET, out.length + 4, true)
    out.dataView.setUint32(ENTRY_COUNT_OFFSET, this.#entryCount, true)
    out.u32(crc32(out.view()))
    const chunk = { keyGroup: this.#keyGroup, bytes: out.take(), entryCount: this.#entryCount }
    this.#begin()
    return chunk
  }

  #begin(): void {
    const out = this.#out
    this.#shapes = new ShapeTable()
    this.#entryCount = 0
    this.#lastTimestamp = 0
    this.#lastNamespace = 0
    out.u32(CHUNK_MAGIC)
    out.u16(CHUNK_FORMAT_VERSION)
    out.u16(this.#keyGroup)
    // Length and entry count are filled in at the end.
    out.u32(0)
    out.u32(0)
    out.varint(this.#description.maxParallelism)
    out.string(this.#description.uid)
    out.varint(this.#description.states.length)
    for (const { name, kind } of this.#description.states) {
      out.string(name)
      out.u8(STATE_KINDS.indexOf(kind))
      out.string(anySerializer.id)
      out.varint(anySerializer.version)
    }
  }

  #content(state: DeclaredState, content: unknown, key: Key): void {
    try {
      this.#contentOf(state.kind, content)
    } catch (error) {
      throw this.#unencodable(state, content, key) ?? error
    }
  }

  #contentOf(kind: StateKind, content: unknown): void {
    switch (kind) {
      case 'value':
      case 'reducing':
      case 'aggregating':
        return anySerializer.write(this.#out, content, this.#shapes)
      case 'list':
        return this.#list(listIn(content))
      case 'map':
        return this.#map(mapIn(content))
      case 'expiring-value':
      case 'expiring-reducing':
      case 'expiring-aggregating':
        return this.#stamped(stampedIn(content))
      case 'expiring-list':
        return this.#expiringList(expiringListIn(content))
      case 'expiring-map':
        return this.#expiringMap(expiringMapIn(content))
    }
  }

  #stamped({ value, usedMs }: Stamped<unknown>): void {
    anySerializer.write(this.#out, value, this.#shapes)
    this.#out.zigzag(usedMs)
  }

  #expiringList({ values, usedMs }: ExpiringList<unknown>): void {
    this.#list(values)
    for (const timeMs of usedMs) this.#out.zigzag(timeMs)
  }

  #expiringMap(map: ExpiringMap<unknown, unknown>): void {
    this.#out.varint(map.size)
    for (const [key, stamped] of map.entries()) {
      anySerializer.write(this.#out, key, this.#shapes)
      this.#stamped(stamped)
    }
  }

  /** One pair of a map state. */
  pair(key: unknown, value: unknown): void {
    anySerializer.write(this.#out, key, this.#shapes)
    anySerializer.write(this.#out, value, this.#shapes)
  }

  #list(values: readonly unknown[]): void {
    this.#out.varint(values.length)
    for (let i = 0; i < values.length; i++) anySerializer.write(this.#out, values[i], this.#shapes)
  }

  #map(map: StateMap<unknown, unknown>): void {
    this.#out.varint(map.size)
    map.forEach(this)
  }

  #timers(timers: TimerSet | undefined): void {
    if (timers === undefined) return
    this.#out.varint(timerCount(timers))
    if (timers instanceof ManyTimers) {
      timers.forEach((timestampMs, namespace) => this.#timer(timestampMs, namespace))
      return
    }
    for (let i = 0; i < timers.length; i += 2) this.#timer(timestampOf(timers, i), namespaceOf(timers, i))
  }

  #timer(timestampMs: number, namespace: TimerNamespace): void {
    const isText = typeof namespace === 'string'
    const timestampStep = timestampMs - this.#lastTimestamp
    const namespaceStep = isText ? 0 : namespace - this.#lastNamespace
    // A difference of two safe integers may be none itself.
    const isFar = !Number.isSafeInteger(timestampStep)
    const isNamespaceFar = !Number.isSafeInteger(namespaceStep)
    const farFlags = (isFar ? TIMER_ABSOLUTE_TIMESTAMP : 0) | (isNamespaceFar ? TIMER_ABSOLUTE_NAMESPACE : 0)
    this.#out.u8(farFlags | (isText ? TIMER_TEXT_NAMESPACE : 0))
    this.#out.zigzag(isFar ? timestampMs : timestampStep)
    this.#lastTimestamp = timestampMs
    if (isText) return this.#out.string(namespace)
    this.#out.zigzag(isNamespaceFar ? namespace : namespaceStep)
    this.#lastNamespace = namespace
  }

  /** Looks at the content as a whole, so that the path says which element or pair it is. */
  #unencodable(state: DeclaredState, content: unknown, key: Key): EngineError | undefined {
    const where = `state "${state.name}" of key ${JSON.stringify(String(key))}`
    return unencodable(shownContent(state.kind, content), where)?.within({ operator: this.#description.uid })
  }
}

/** As the user sees it. */
function shownContent(kind: StateKind, content: unknown): unknown {
  switch (kind) {
    case 'value':
    case 'reducing':
    case 'aggregating':
    case 'list':
      return content
    case 'map':
      return new Map(mapIn(content).entries())
    case 'expiring-value':
    case 'expiring-list':
    case 'expiring-map':
    case 'expiring-reducing':
    case 'expiring-aggregating': {
      const converted = convertedContent(kind, content)
      return kind === 'expiring-map' ? shownContent('map', converted) : converted
    }
  }
}

/** Bits of the slots that hold something. */
function writeFilled(out: ByteWriter, entry: Entry, slots: readonly number[]): void {
  let bits = 0
  let count = 0
  for (const slot of slots) {
    if (entry.contentOf(slot) !== undefined) bits |= 1 << count
    if (++count < SLOT_BITS_PER_VARINT) continue
    out.varint(bits)
    bits = 0
    count = 0
  }
  if (count > 0) out.varint(bits)
}
