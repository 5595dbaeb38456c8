/** What file sinks with folders infer, and what they must not accept. Compiled, never run. */
import { jsonLinesSink, textSink } from '../connector/file-sink.ts'
import type { DataStream } from './data-stream.ts'

interface Reading {
  readonly day: string
  readonly value: number
}

declare const readings: DataStream<Reading>

readings.sinkTo(jsonLinesSink('out', { bucketOf: (reading) => `day=${reading.day}` }))
readings.sinkTo(textSink('out', { format: (reading) => String(reading.value), bucketOf: ({ day }) => day }))
// @ts-expect-error a folder is named by a text
readings.sinkTo(jsonLinesSink<Reading>('out', { bucketOf: (reading) => reading.value }))
// @ts-expect-error a reading has no hour
readings.sinkTo(jsonLinesSink<Reading>('out', { bucketOf: (reading) => reading.hour }))
