/** What the test harnesses infer, and what they must not accept. Compiled, never run. */
import type { DataStream, JobDefinition } from '../index.ts'
import {
  endOfInput,
  jobHarness,
  mapOperator,
  processingTime,
  record,
  secondRecord,
  simulate,
  streamHarness,
  testOperator,
  testStream,
  watermark,
  type JobHarness,
  type OperatorScript,
  type OperatorTestOutput,
  type Simulation,
  type StreamHarness,
  type StreamTestOutput,
} from '../testing.ts'

interface Order {
  readonly id: string
  readonly price: number
}

declare const job: JobDefinition
/** Compiles when both types are the same. */
declare function same<Expected>(): <Actual>(
  actual: Actual,
  ...wrong: (<X>() => X extends Actual ? 1 : 2) extends <X>() => X extends Expected ? 1 : 2 ? [] : [expected: Expected]
) => void

export async function streams(): Promise<void> {
  const one = await streamHarness((orders: DataStream<Order>) => orders.map((order) => order.price))
  same<StreamHarness<[Order], number>>()(one)
  same<readonly number[]>()(one.values)
  await one.push({ id: 'a', price: 1 }, 1000)
  await one.restore(await one.snapshot(), { parallelism: 3 })
  // @ts-expect-error the stream is one of orders
  await one.push('a')
  // @ts-expect-error time goes on by text with a unit
  await one.advance(1000)

  const two = await streamHarness((orders: DataStream<Order>, ids: DataStream<string>) =>
    orders.map((order) => order.id).union(ids),
  )
  same<StreamHarness<[Order, string], string>>()(two)
  await two.inputs[1].push('a')
  // @ts-expect-error the second stream is one of texts
  await two.inputs[1].push(1)
  // @ts-expect-error there are two streams
  await two.inputs[2].push(1)

  const named = await streamHarness((orders: DataStream<Order>) => ({
    main: orders.map((order) => order.price),
    ids: orders.map((order) => order.id),
  }))
  same<readonly number[]>()(named.values)
  same<readonly string[]>()(named.output<string>('ids').values)

  const script: OperatorScript = [
    record({ id: 'a' }),
    secondRecord('b', 1),
    watermark(1),
    processingTime(2),
    endOfInput(),
  ]
  same<StreamTestOutput<number>>()(
    await testStream((orders: DataStream<Order>) => orders.map((order) => order.price), script),
  )
  // @ts-expect-error a step is made by one of the functions
  await testStream((orders: DataStream<Order>) => orders, [{ id: 'a' }])
}

export async function jobs(): Promise<void> {
  const whole = await jobHarness(job, { params: { input: 'in' }, pace: 'one-record-at-a-time' })
  same<JobHarness>()(whole)
  await whole.input<Order>('orders').push({ id: 'a', price: 1 })
  same<readonly Order[]>()(whole.output<Order>('out').values)
  // @ts-expect-error there are two paces
  await jobHarness(job, { pace: 'slow' })

  same<Simulation>()(await simulate(job, { seed: 1, faults: 'crashes', files: { 'in.jsonl': '{}' } }))
  // @ts-expect-error values of parameters are text
  await simulate(job, { params: { input: 1 } })

  const doubled = mapOperator((value: number) => value * 2)
  same<OperatorTestOutput>()(await testOperator(doubled, [record(1)], { keyBy: (value: number) => value }))
  // @ts-expect-error an object is no key
  await testOperator(doubled, [record(1)], { keyBy: (order: Order) => order })
}
