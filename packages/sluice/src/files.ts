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
export type { MonitorOptions } from './connector/folder-watch.ts'
export { csvSource } from './connector/csv-source.ts'
export type { CsvReadOptions, CsvSource, CsvSourceOptions } from './connector/csv-source.ts'
export type { CsvDialectOptions } from './connector/csv-dialect.ts'
export type { CsvRecordOf, CsvType, CsvTypes } from './connector/csv-columns.ts'
export type { CsvRow } from './connector/csv-files.ts'
export { csvSink } from './connector/csv-sink.ts'
export type { CsvSinkOptions } from './connector/csv-sink.ts'
export { parquetSource } from './connector/parquet-source.ts'
export type { ParquetSource, ParquetSourceOptions } from './connector/parquet-source.ts'
export { parquetSink } from './connector/parquet-sink.ts'
export type { ParquetCompression, ParquetSinkOptions } from './connector/parquet-sink.ts'
export type { ParquetColumnType, ParquetColumnTypes, ParquetScalarType } from './connector/parquet-columns.ts'
export { textSink, jsonLinesSink } from './connector/file-sink.ts'
export type { FileCommittable } from './connector/file-parts.ts'
export type { BucketOptions, FileSink, FileSinkOptions, RollOptions, TextSinkOptions } from './connector/file-sink.ts'
