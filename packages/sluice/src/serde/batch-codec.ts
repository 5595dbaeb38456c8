/**
 * Batches of records as bytes, for the exchange between threads and machines: columns instead of objects.
 *
 * Owns: the format of docs/spec/bytes.md, "Batches". Does not own: frames, credits, checksums on the way.
 * Callers: output channels encode, input channels decode.
 *
 * A1 A batch can be decoded with nothing else known, in any thread and process of the same format version.
 * A2 Records and timestamps come back exactly, in order; what cannot is refused with SER1001 before anything is sent.
 * A3 The bytes own the whole of their buffer: they can be transferred.
 * A4 Damaged bytes give SER1002 where a check is possible. Damage inside a value that still is a value is not seen here: who moves
 *    bytes over anything that can damage them puts a checksum around them.
 */
import { assert } from '../base/assert.ts'
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { valueText } from '../base/value-text.ts'
import { BATCH_FORMAT_VERSION, BATCH_MAGIC, ENCODED_RECORDS_MAX } from './column-format.ts'
import { ColumnReader, type RecentCodes } from './column-reader.ts'
import { ColumnWriter } from './column-writer.ts'
import { unencodable } from './unencodable.ts'

export interface BatchEncoder {
  /** The first `count` records. */
  encode(values: readonly unknown[], timestamps: readonly number[], count: number): Uint8Array<ArrayBuffer>
}

export interface DecodedBatch {
  readonly values: unknown[]
  readonly timestamps: number[]
}

export interface BatchDecoder {
  decode(bytes: Uint8Array): DecodedBatch
}

const INITIAL_BYTES = 64 * 1024

/** One for each channel: it remembers the shape of the channel's records. */
export function createBatchEncoder(): BatchEncoder {
  const out = new ByteWriter(INITIAL_BYTES)
  const columns = new ColumnWriter(out)
  return {
    encode(values, timestamps, count) {
      assert(
        count <= values.length && count <= timestamps.length,
        'a batch has a value and a timestamp for each record',
        { count },
      )
      assert(count <= ENCODED_RECORDS_MAX, 'a batch is within the limit of records', { count })
      out.reset()
      columns.start()
      out.u8(BATCH_MAGIC)
      out.u8(BATCH_FORMAT_VERSION)
      out.varint(count)
      if (count === 0) return out.take()
      columns.writeTimestamps(firstOf(timestamps, count))
      try {
        columns.write(firstOf(values, count), 0)
      } catch (error) {
        throw firstUnencodable(values, count) ?? error
      }
      return out.take()
    },
  }
}

/** One for each channel: it remembers the shape of the channel's records. */
export function createBatchDecoder(): BatchDecoder {
  const recent: RecentCodes = []
  return {
    decode(bytes) {
      const reader = new ByteReader(bytes)
      if (reader.u8() !== BATCH_MAGIC) throw reader.malformed('this is no batch')
      const version = reader.u8()
      if (version !== BATCH_FORMAT_VERSION)
        throw reader.malformed(`a batch has format version ${version}, known is ${BATCH_FORMAT_VERSION}`)
      const count = reader.varint()
      if (count > ENCODED_RECORDS_MAX)
        throw reader.malformed(`a batch has ${count} records, the limit is ${ENCODED_RECORDS_MAX}`)
      const columns = new ColumnReader(reader, recent)
      const timestamps = count === 0 ? [] : columns.readIntegers(count)
      const values = count === 0 ? [] : columns.read(count, 0)
      reader.finish('a batch')
      return { values, timestamps }
    },
  }
}

const sharedDecoder = createBatchDecoder()

export function decodeBatch(bytes: Uint8Array): DecodedBatch {
  return sharedDecoder.decode(bytes)
}

function firstOf<T>(items: readonly T[], count: number): readonly T[] {
  return items.length === count ? items : items.slice(0, count)
}

function firstUnencodable(values: readonly unknown[], count: number): Error | undefined {
  for (let i = 0; i < count; i++) {
    const error = unencodable(values[i], `record ${i + 1} of a batch of ${count}`)
    if (error !== undefined) return error.within({ record: valueText(values[i]) })
  }
  return undefined
}
