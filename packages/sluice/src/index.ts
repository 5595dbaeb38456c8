/** The package entry `sluice`: everything a job needs. Files and folders: `sluice/files`; tests: `sluice/testing`. */
export { average, count, max, min, sum } from './api/aggregates.ts'
export { DataStream, DataStreamSink, SingleOutputStreamOperator, type EventTimeOf } from './api/data-stream.ts'
export { defineJob, type JobDefinition, type JobSettings } from './api/define-job.ts'
export { KeyedStream, type KeyedProcessFunction } from './api/keyed-stream.ts'
export { recordType, type RecordType } from './api/record-type.ts'
export {
  RestartStrategies,
  type ExponentialDelayRestart,
  type FailureRateRestart,
  type FixedDelayRestart,
  type RestartStrategy,
} from './api/restart-strategies.ts'
export {
  StreamExecutionEnvironment,
  type CheckpointSettings,
  type SourceSettings,
} from './api/stream-execution-environment.ts'
export { WindowedStream, type WindowFunction, type WindowResult } from './api/windowed-stream.ts'
export { ERROR_CODES, type ErrorCode } from './base/error-codes.ts'
export type { JsonValue } from './base/json.ts'
export { EngineError, formatError, type ErrorContext } from './base/errors.ts'
export type { OptionKey } from './config/options.ts'
export { param, type Param, type ParamDeclarations, type ParamValues, type RawParams } from './config/param.ts'
export { collectionSource } from './connector/collection-source.ts'
export { datagenSource, type DatagenOptions } from './connector/datagen-source.ts'
export { functionSink } from './connector/function-sink.ts'
export { printSink, type PrintSinkOptions } from './connector/print-sink.ts'
export type { Committer, Sink, SinkContext, SinkPrepareContext, SinkWriter, WriterSnapshot } from './connector/sink.ts'
export type {
  EnumeratorContext,
  PollResult,
  ReaderContext,
  ReaderOutput,
  Source,
  SourceReader,
  SourceSplit,
  SplitEnumerator,
  SplitOutput,
} from './connector/source.ts'
export type { Collector } from './operators/flat-map.ts'
export type { KeyedProcessContext } from './operators/keyed-context.ts'
export type { StateDeclarations, StateHandles } from './operators/user-states.ts'
export { outputTag, type OutputTag } from './operators/output-tag.ts'
export {
  EventTimeSessionWindows,
  SlidingEventTimeWindows,
  TumblingEventTimeWindows,
  type WindowAssigner,
} from './operators/window-assigners.ts'
export type { AggregateFunction, TimeWindow } from './operators/window-definition.ts'
export { listState, mapState, valueState, type StateDescriptor } from './state/descriptors.ts'
export type { ListState, MapState, ValueState } from './state/keyed-state.ts'
export { NO_TIMESTAMP } from './stream/element.ts'
export type { Key } from './stream/key-groups.ts'
export { WatermarkStrategy, type TimestampAssigner, type WatermarkGenerator } from './time/watermark-strategy.ts'
export { execute, start } from './cluster/execute.ts'
export type { ExecuteOptions } from './cluster/execute.ts'
export type { JobClient, RunResult } from './cluster/run-request.ts'
