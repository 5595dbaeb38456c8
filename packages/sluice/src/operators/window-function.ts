/** Opens what a window definition computes: how windows hold records, and what a firing does with them. */
import { Aggregation } from './aggregation.ts'
import type { KeyedRuntime } from './keyed-operator.ts'
import { AccumulatorContents, ElementContents, ListContents, type WindowContents } from './window-contents.ts'
import { Eviction } from './window-eviction.ts'
import {
  emittingResult,
  firingAccumulator,
  firingEvicted,
  firingList,
  foldingElements,
  processingResult,
  type ComputeWindow,
  type FireWindow,
} from './window-firing.ts'
import type { AnyWindowDefinition } from './window-layout.ts'
import { WindowProcessCalls } from './window-process-context.ts'

export interface OpenWindowFunction {
  readonly contents: WindowContents
  readonly fire: FireWindow
  /** Of a function with states. */
  readonly calls: WindowProcessCalls | undefined
}

/** `firstPlace` is that of the first state of the window's function among the slots. */
export function openWindowFunction(
  definition: AnyWindowDefinition,
  runtime: KeyedRuntime,
  firstPlace: number,
): OpenWindowFunction {
  const { evictor, keySelector } = definition
  const { info, output } = runtime.context
  const eviction = evictor === undefined ? undefined : new Eviction(evictor, info, evictorContext(runtime))
  if (!('process' in definition)) {
    const aggregation = new Aggregation(definition, info)
    return incremental(aggregation, emittingResult(aggregation, output), eviction)
  }
  const calls = new WindowProcessCalls(definition.process, runtime, firstPlace)
  const { aggregate } = definition
  if (aggregate === undefined) return { ...full(calls, eviction), calls }
  const aggregation = new Aggregation({ keySelector, aggregate, resultOf: resultItself }, info)
  return { ...incremental(aggregation, processingResult(aggregation, calls), eviction), calls }
}

function incremental(
  aggregation: Aggregation<unknown, unknown>,
  compute: ComputeWindow,
  eviction: Eviction | undefined,
): OpenWindowFunction {
  return eviction === undefined
    ? { contents: new AccumulatorContents(aggregation), fire: firingAccumulator(compute), calls: undefined }
    : {
        contents: new ElementContents(),
        fire: firingEvicted(eviction, foldingElements(aggregation, compute)),
        calls: undefined,
      }
}

function full(
  calls: WindowProcessCalls,
  eviction: Eviction | undefined,
): Pick<OpenWindowFunction, 'contents' | 'fire'> {
  if (eviction === undefined) return { contents: new ListContents(), fire: firingList(calls) }
  const fire = firingEvicted(eviction, (key, entry, elements) =>
    calls.process(
      key,
      entry,
      elements.map(({ value }) => value),
    ),
  )
  return { contents: new ElementContents(), fire }
}

function evictorContext({ clock, context }: KeyedRuntime) {
  return {
    currentWatermark: () => clock.watermark,
    processingTimeMs: () => context.processingTimeMs(),
  }
}

function resultItself(_key: never, _window: unknown, result: never): unknown {
  return result
}
