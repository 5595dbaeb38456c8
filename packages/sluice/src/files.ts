/** Sources and sinks of files: `import { parquetSource, jsonLinesSink } from 'sluice/files'`. */
export { textSource, jsonLinesSource, lineSource } from './connector/text-source.ts'
export { DEAD_LETTER } from './connector/error-policy.ts'
export type {
  DeadLetter,
  LineDecoder,
  LineErrorPolicy,
  LineSource,
  LineSourceOptions,
  PositionedLine,
  TextSourceOptions,
} from './connector/text-source.ts'
export type { FileOrder, InputPaths } from './connector/file-splits.ts'
export { parquetSource } from './connector/parquet-source.ts'
export type { ParquetSourceOptions } from './connector/parquet-source.ts'
export { textSink, jsonLinesSink } from './connector/file-sink.ts'
export type { FileCommittable } from './connector/file-parts.ts'
export type { BucketOptions, FileSink, FileSinkOptions, RollOptions, TextSinkOptions } from './connector/file-sink.ts'
