/** What connectors infer, and what must not compile. */
import { expectTypeOf, test } from 'vitest'
import { asyncSink } from '../connector/async-sink.ts'
import { csvSink } from '../connector/csv-sink.ts'
import { csvSource } from '../connector/csv-source.ts'
import type { CsvRow } from '../connector/csv-files.ts'
import { httpSource } from '../connector/http-source.ts'
import { parquetSink } from '../connector/parquet-sink.ts'
import { socketSource } from '../connector/socket-source.ts'
import type { Source } from '../connector/source.ts'

interface Order {
  readonly id: number
  readonly at: Date
}

type RecordOf<S> =
  S extends Source<infer T, never, never> ? T : S extends Source<infer T, infer _S, infer _E> ? T : never

test('a CSV source gives records of the types of its columns', () => {
  const typed = csvSource('in.csv', { types: { id: 'bigint', price: 'number', at: 'date', name: 'string' } })
  expectTypeOf<RecordOf<typeof typed>>().toEqualTypeOf<{
    readonly id: bigint | null
    readonly price: number | null
    readonly at: Date | null
    readonly name: string
  }>()
  expectTypeOf<RecordOf<ReturnType<typeof plain>>>().toEqualTypeOf<CsvRow>()
  const promised = csvSource<Order>('in.csv', { delimiter: ';' })
  expectTypeOf<RecordOf<typeof promised>>().toEqualTypeOf<Order>()
  const parsed = csvSource('in.csv', { parse: (row) => ({ id: Number(row['id']) }) })
  expectTypeOf<RecordOf<typeof parsed>>().toEqualTypeOf<{ id: number }>()
  const arrays = csvSource('in.csv', { header: false })
  expectTypeOf<RecordOf<typeof arrays>>().toEqualTypeOf<readonly string[]>()
  const ofArrays = csvSource('in.csv', { header: false, parse: (row) => row.length })
  expectTypeOf<RecordOf<typeof ofArrays>>().toEqualTypeOf<number>()
})

function plain() {
  return csvSource('in.csv')
}

test('a CSV source does not take what would do nothing', () => {
  // @ts-expect-error there are no names that types could be of
  csvSource('in.csv', { header: false, types: { id: 'number' } })
  // @ts-expect-error no such type
  csvSource('in.csv', { types: { id: 'integer' } })
})

test('sinks of columns take the fields of the records', () => {
  csvSink<Order>('out', { columns: ['id', 'at'] })
  // @ts-expect-error no such field
  csvSink<Order>('out', { columns: ['name'] })
  parquetSink<Order>('out', { columns: { id: 'int64', at: 'timestamp' } })
  // @ts-expect-error no such type
  parquetSink<Order>('out', { columns: { id: 'decimal' } })
  // @ts-expect-error a Parquet file cannot span checkpoints
  parquetSink<Order>('out', { columns: { id: 'int64' }, roll: { sizeMax: '1mb' } })
})

test('decode says what socket and HTTP sources give', () => {
  const lines = socketSource({ host: 'h', port: 1 })
  expectTypeOf<RecordOf<typeof lines>>().toEqualTypeOf<string>()
  const numbers = socketSource({ host: 'h', port: 1, decode: Number })
  expectTypeOf<RecordOf<typeof numbers>>().toEqualTypeOf<number>()
  const bodies = httpSource({ port: 1 })
  expectTypeOf<RecordOf<typeof bodies>>().toEqualTypeOf<unknown>()
  const orders = httpSource<Order>({ port: 1 })
  expectTypeOf<RecordOf<typeof orders>>().toEqualTypeOf<Order>()
  // @ts-expect-error a request that is bad never fails the job
  httpSource({ port: 1, onError: 'fail' })
})

test('an asynchronous sink gets batches of its records, and gives back some of them', () => {
  asyncSink<Order>({ name: 'orders', send: async (batch) => ({ retry: batch.slice(1) }) })
  asyncSink<Order>({
    name: 'orders',
    send: async (batch, { signal, attempt }) => {
      expectTypeOf(batch).toEqualTypeOf<readonly Order[]>()
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
      expectTypeOf(attempt).toEqualTypeOf<number>()
    },
  })
  // @ts-expect-error what is given back are records of the batch
  asyncSink<Order>({ name: 'orders', send: async () => ({ retry: [1] }) })
})
