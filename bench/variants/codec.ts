import { createBatchEncoder, decodeBatch } from '../../packages/sluice/src/serde/batch-codec.ts'
import { eventAt, type KeyedEvent } from '../workload/events.ts'

export interface CodecMeasurement {
  readonly encodeNs: number
  readonly decodeNs: number
  readonly jsonEncodeNs: number
  readonly jsonDecodeNs: number
  readonly bytesPerRecord: number
  readonly jsonBytesPerRecord: number
}

const BATCH_RECORDS = 512
const DISTINCT_BATCHES = 64

/** The batches of the exchange, and the same records as JSON text. */
export async function measureBatchCodec({ batches }: { readonly batches: number }): Promise<CodecMeasurement> {
  const inputs = Array.from({ length: DISTINCT_BATCHES }, (_, batch) => recordsOf(batch))
  const encoder = createBatchEncoder()
  const encode = ({ values, timestamps }: Batch): Uint8Array => encoder.encode(values, timestamps, BATCH_RECORDS)
  const ours = roundTrip(inputs, batches, encode, (bytes) => decodeBatch(bytes))
  const json = roundTrip(
    inputs,
    batches,
    ({ values }) => JSON.stringify(values),
    (text) => JSON.parse(text) as unknown,
  )
  return {
    encodeNs: ours.encodeNs,
    decodeNs: ours.decodeNs,
    jsonEncodeNs: json.encodeNs,
    jsonDecodeNs: json.decodeNs,
    bytesPerRecord: ours.length / BATCH_RECORDS,
    jsonBytesPerRecord: json.length / BATCH_RECORDS,
  }
}

interface Batch {
  readonly values: readonly KeyedEvent[]
  readonly timestamps: readonly number[]
}

function recordsOf(batch: number): Batch {
  const values = Array.from({ length: BATCH_RECORDS }, (_, index) => eventAt(batch * BATCH_RECORDS + index))
  return { values, timestamps: values.map(({ timestampMs }) => timestampMs) }
}

interface RoundTrip {
  readonly encodeNs: number
  readonly decodeNs: number
  /** Of one encoded batch. */
  readonly length: number
}

/** The first half warms up. */
function roundTrip<Encoded extends { readonly length: number }>(
  inputs: readonly Batch[],
  batches: number,
  encode: (batch: Batch) => Encoded,
  decode: (encoded: Encoded) => unknown,
): RoundTrip {
  let trip = { encodeNs: 0, decodeNs: 0, length: 0 }
  for (let half = 0; half < 2; half++) {
    let encodeMs = 0
    let decodeMs = 0
    let length = 0
    for (let i = 0; i < batches / 2; i++) {
      const beginMs = performance.now()
      const encoded = encode(inputs[i % inputs.length]!) // within the inputs
      const encodedMs = performance.now()
      decode(encoded)
      decodeMs += performance.now() - encodedMs
      encodeMs += encodedMs - beginMs
      length = encoded.length
    }
    const records = (batches / 2) * BATCH_RECORDS
    trip = { encodeNs: (encodeMs * 1e6) / records, decodeNs: (decodeMs * 1e6) / records, length }
  }
  return trip
}
