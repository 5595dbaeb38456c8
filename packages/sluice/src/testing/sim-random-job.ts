/** From the plan of a random job to the job, and to what a run of it must have written. */
import { SingleOutputStreamOperator } from '../api/data-stream.ts'
import { defineJob, type JobDefinition } from '../api/define-job.ts'
import type { StreamExecutionEnvironment } from '../api/stream-execution-environment.ts'
import { present } from '../base/assert.ts'
import type { Timers } from '../base/env.ts'
import { type RollOptions, jsonLinesSink } from '../connector/file-sink.ts'
import type { SimItem } from './sim-random-item.ts'
import type { Hints, RandomPlan, RandomStep, Route } from './sim-random-plan.ts'
import { type BuildPlace, type Evaluated, type ItemStream, SIDE } from './sim-random-step.ts'
import type { SimOutput } from './sim-output.ts'

export interface RandomJobParts {
  readonly plan: RandomPlan
  readonly roll: RollOptions
}

export function randomJob(parts: RandomJobParts, timers: Timers): JobDefinition {
  return defineJob('random', (env) => new JobBuild(env, parts, timers).build())
}

function uidOf({ kind, id }: RandomStep): string {
  return `${kind}-${id}`
}

class JobBuild {
  readonly #env: StreamExecutionEnvironment
  readonly #parts: RandomJobParts
  readonly #timers: Timers
  readonly #streams = new Map<number, ItemStream>()

  constructor(env: StreamExecutionEnvironment, parts: RandomJobParts, timers: Timers) {
    this.#env = env
    this.#parts = parts
    this.#timers = timers
  }

  build(): void {
    const { steps, chaining } = this.#parts.plan
    this.#env.enableCheckpointing('1s')
    if (chaining === 'off') this.#env.disableOperatorChaining()
    for (const step of steps) {
      if (step.kind === 'end') this.#end(step)
      else this.#streams.set(step.id, this.#stream(step))
    }
  }

  #stream(step: Exclude<RandomStep, { readonly kind: 'end' }>): ItemStream {
    const place = this.#place(step)
    const [first, second] = step.inputs.map((id) => present(this.#streams.get(id), 'a stream drawn before'))
    if (step.kind === 'source') return place.put(step.source.open(this.#env, place))
    const from = present(first, 'the input of a step')
    if (step.kind === 'union') return from.union(present(second, 'the second stream of a union'))
    if (step.kind === 'side') return nodeOf(from).getSideOutput<SimItem>(SIDE)
    const routed = routedBy(step.route, from)
    return place.put(step.operator.build(routed, second ?? routed, place)).uid(place.uid)
  }

  #end(step: Extract<RandomStep, { readonly kind: 'end' }>): void {
    const place = this.#place(step)
    const stream = present(this.#streams.get(step.inputs[0] ?? 0), 'a stream that ends')
    const sink = step.end
      .build(stream, place)
      .sinkTo(jsonLinesSink(`out/${place.uid}`, { roll: this.#parts.roll }))
      .uid(`${place.uid}-out`)
    const { parallelism, group } = step.hints
    if (parallelism !== undefined) sink.setParallelism(parallelism)
    if (group !== undefined) sink.slotSharingGroup(group)
  }

  #place(step: RandomStep): BuildPlace {
    return { uid: uidOf(step), timers: this.#timers, put: (node) => hinted(node, step.hints) }
  }
}

function nodeOf(stream: ItemStream): SingleOutputStreamOperator<SimItem> {
  return present(stream instanceof SingleOutputStreamOperator ? stream : undefined, 'the operator of a side output')
}

function hinted<T>(
  node: SingleOutputStreamOperator<T>,
  { parallelism, group, chaining }: Hints,
): SingleOutputStreamOperator<T> {
  if (parallelism !== undefined) node.setParallelism(parallelism)
  if (group !== undefined) node.slotSharingGroup(group)
  if (chaining === 'head') node.startNewChain()
  if (chaining === 'never') node.disableChaining()
  return node
}

function routedBy(route: Route | undefined, stream: ItemStream): ItemStream {
  if (route === undefined) return stream
  if (route === 'custom') return stream.partitionCustom(({ id }, count) => id % count)
  return stream[route]()
}

/** What every stream holds, in plain loops. */
function evaluatePlan({ steps }: RandomPlan): ReadonlyMap<number, readonly SimItem[]> {
  const values = new Map<number, Evaluated>()
  for (const step of steps) values.set(step.id, evaluateStep(step, values))
  return new Map([...values].map(([id, { main }]) => [id, main]))
}

function evaluateStep(step: RandomStep, values: ReadonlyMap<number, Evaluated>): Evaluated {
  const [first = NOTHING, second = NOTHING] = step.inputs.map((id) =>
    present(values.get(id), 'a step evaluated before'),
  )
  switch (step.kind) {
    case 'source':
      return { main: step.source.items, side: [] }
    case 'operator':
      return step.operator.evaluate(first.main, second.main)
    case 'union':
      return { main: [...first.main, ...second.main], side: [] }
    case 'side':
      return { main: first.side, side: [] }
    case 'end':
      return first
  }
}

const NOTHING: Evaluated = { main: [], side: [] }

/** What is wrong with what a run of the job has written. */
export function checkRandomOutput(plan: RandomPlan, output: SimOutput): string | undefined {
  const values = evaluatePlan(plan)
  for (const step of plan.steps) {
    if (step.kind !== 'end') continue
    const lines = (output.get(`/out/${uidOf(step)}`) ?? []).map((line): unknown => JSON.parse(line))
    const wrong = step.end.check(values.get(step.id) ?? [], lines)
    if (wrong !== undefined) return `#${step.id} (${step.end.text}): ${wrong}`
  }
  return undefined
}
