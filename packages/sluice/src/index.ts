/** The package entry `sluice`: everything a job needs. Files and folders: `sluice/files`; tests: `sluice/testing`. */
export { average, count, max, min, sum } from './api/aggregates.ts'
export {
  AllWindowedStream,
  type AllKey,
  type AllWindowFunction,
  type AllWindowResult,
  type ProcessAllWindowContext,
  type ProcessAllWindowFunction,
} from './api/all-windowed-stream.ts'
export { AsyncDataStream } from './api/async-data-stream.ts'
export { DataStream, SingleOutputStreamOperator, type EventTimeOf } from './api/data-stream.ts'
export { DataStreamSink } from './api/data-stream-sink.ts'
export {
  BroadcastConnectedStream,
  BroadcastStream,
  KeyedBroadcastConnectedStream,
  type BroadcastProcessFunction,
  type KeyedBroadcastProcessFunction,
} from './api/broadcast-stream.ts'
export {
  CoGroupedStreams,
  CoGroupEqualTo,
  CoGroupWhere,
  WindowedCoGroup,
  type CoGroupFunction,
} from './api/co-grouped-streams.ts'
export {
  ConnectedStreams,
  KeyedConnectedStreams,
  type CoProcessFunction,
  type KeyedCoProcessFunction,
} from './api/connected-streams.ts'
export { IntervalJoin, IntervalJoined, type ProcessJoinFunction } from './api/interval-joined-streams.ts'
export { JoinedStreams, JoinEqualTo, JoinWhere, WindowedJoin, type JoinFunction } from './api/joined-streams.ts'
export { defineJob, type JobDefinition, type JobSettings } from './api/define-job.ts'
export { KeyedStream, type ComparedBy, type FieldOf } from './api/keyed-stream.ts'
export type { KeyedProcessFunction, ProcessFunction } from './api/process-function.ts'
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
export {
  WindowedStream,
  type ProcessWindowFunction,
  type WindowFunction,
  type WindowResult,
} from './api/windowed-stream.ts'
export { ERROR_CODES, type ErrorCode } from './base/error-codes.ts'
export type { Random } from './base/env.ts'
export type { JsonValue } from './base/json.ts'
export { EngineError, formatError, type ErrorContext } from './base/errors.ts'
export type { OptionKey } from './config/options.ts'
export { param, type Param, type ParamDeclarations, type ParamValues, type RawParams } from './config/param.ts'
export { asyncSink } from './connector/async-sink.ts'
export type { AsyncRetryOptions, AsyncSendContext, AsyncSendResult, AsyncSinkOptions } from './connector/async-sink.ts'
export { collectionSource } from './connector/collection-source.ts'
export { datagenSource, type DatagenOptions } from './connector/datagen-source.ts'
export { DEAD_LETTER, type DeadLetterTag, type OnError } from './connector/error-policy.ts'
export { functionSink } from './connector/function-sink.ts'
export {
  httpSource,
  type HttpSignatureOptions,
  type HttpSource,
  type HttpSourceOptions,
} from './connector/http-source.ts'
export { socketSource, type SocketSource, type SocketSourceOptions } from './connector/socket-source.ts'
export { printSink, type PrintSinkOptions } from './connector/print-sink.ts'
export { withCommitStages, type CommitStages } from './connector/commit-stages.ts'
export { HybridSource, type HybridSourceBuilder } from './connector/hybrid-source.ts'
export type { SourceFactory, SourceSwitchContext } from './connector/hybrid-stages.ts'
export type {
  CommitContext,
  CommitRequest,
  Committer,
  Sink,
  SinkContext,
  SinkPrepareContext,
  SinkWriter,
  WriterSnapshot,
} from './connector/sink.ts'
export type {
  CallSchedule,
  EnumeratorContext,
  PollResult,
  ReaderContext,
  ReaderOutput,
  ScheduledCall,
  Source,
  SourceEvent,
  SourceReader,
  SourceSplit,
  SplitEnumerator,
  SplitOutput,
} from './connector/source.ts'
export type { AsyncContext, AsyncFunction, AsyncWaitOptions } from './operators/async-definition.ts'
export {
  AsyncRetryStrategies,
  type AsyncRetryPredicates,
  type AsyncRetryStrategy,
  type ExponentialBackoffRetryOptions,
  type FixedDelayRetryOptions,
} from './operators/async-retry.ts'
export type { DeadLetterRecord } from './operators/dead-letter.ts'
export type { KeyedBroadcastContext, KeyedReadOnlyBroadcastContext } from './operators/broadcast-keyed-process.ts'
export type { BroadcastContext, ReadOnlyBroadcastContext } from './operators/broadcast-process.ts'
export type { ReadOnlyBroadcastState } from './operators/broadcast-state.ts'
export type { CoProcessContext } from './operators/co-process.ts'
export type { CoGroupContext, CoGroupedRecord } from './operators/co-group-definition.ts'
export type { Collector } from './operators/flat-map.ts'
export type { IntervalJoinContext } from './operators/interval-join.ts'
export type { EmittingContext, FunctionContext } from './operators/function-context.ts'
export type { Comparable, Ties } from './operators/keyed-aggregation.ts'
export type { KeyedProcessContext } from './operators/keyed-context.ts'
export type { Counter, OperatorInfo } from './operators/operator.ts'
export type { ProcessContext } from './operators/process.ts'
export type { OperatorStateDeclarations, OperatorStateHandles } from './operators/user-operator-states.ts'
export type { StateDeclarations, StateHandles } from './operators/user-states.ts'
export { outputTag, type OutputTag } from './operators/output-tag.ts'
export {
  CountEvictor,
  DeltaEvictor,
  TimeEvictor,
  type CustomEvictor,
  type Evictor,
  type EvictorContext,
  type EvictorOptions,
  type TimestampedValue,
} from './operators/evictors.ts'
export {
  ContinuousEventTimeTrigger,
  ContinuousProcessingTimeTrigger,
  CountTrigger,
  customTrigger,
  DeltaTrigger,
  EndOfStreamTrigger,
  EventTimeTrigger,
  NeverTrigger,
  ProcessingTimeoutTrigger,
  ProcessingTimeTrigger,
  PurgingTrigger,
  type CustomTrigger,
  type ProcessingTimeoutOptions,
  type Trigger,
  type TriggerContext,
  type TriggerFunctions,
  type TriggerMergeContext,
  type TriggerResult,
} from './operators/triggers.ts'
export {
  EventTimeSessionWindows,
  GlobalWindows,
  ProcessingTimeSessionWindows,
  SlidingEventTimeWindows,
  SlidingProcessingTimeWindows,
  TumblingEventTimeWindows,
  TumblingProcessingTimeWindows,
  type CustomWindowAssigner,
  type DynamicSessionWindows,
  type WindowAssigner,
  type WindowAssignerContext,
} from './operators/window-assigners.ts'
export type {
  AggregateFunction,
  ClearWindowContext,
  ProcessWindowContext,
  TimeWindow,
  WindowProcess,
} from './operators/window-definition.ts'
export {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
  type StateAggregate,
  type StateDescriptor,
  type StateOptions,
} from './state/descriptors.ts'
export type { AggregatingState, ListState, MapState, ReducingState, ValueState } from './state/keyed-state.ts'
export {
  broadcastState,
  operatorListState,
  unionListState,
  type OperatorStateDescriptor,
} from './state/operator-descriptors.ts'
export type { BroadcastState, OperatorListState } from './state/operator-states.ts'
export type { StateTtl, StateTtlConfig } from './state/time-to-live.ts'
export { NO_TIMESTAMP } from './stream/element.ts'
export type { Key } from './stream/key-groups.ts'
export {
  WatermarkStrategy,
  type TimestampAssigner,
  type WatermarkAlignment,
  type WatermarkGenerator,
} from './time/watermark-strategy.ts'
export { execute, start } from './cluster/execute.ts'
export type { ExecuteOptions } from './cluster/execute.ts'
export type { JobClient, RunResult } from './cluster/run-request.ts'
