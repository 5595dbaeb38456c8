/**
 * What examples of docstrings take for granted: streams and records that go without saying. Only declared, for these examples are compiled and not run.
 * Examples of pages have preludes of their own.
 */
import type {
  DataStream,
  IntervalJoin,
  JobDefinition,
  KeyedStream,
  SingleOutputStreamOperator,
  WatermarkStrategy,
  WindowedStream,
  OutputTag,
  TimeWindow,
  EnumeratorContext,
  Sink,
  Source,
} from 'sluice'

export interface Order {
  readonly id: string
  readonly shop: string
  readonly region: number
  readonly currency: string
  readonly price: number
  readonly total: number
  readonly timeMs: number
  readonly isTest: boolean
  readonly at: Date
}
export interface Payment {
  readonly orderId: string
  readonly card: string
  readonly country: string
  readonly amount: number
  readonly timeMs: number
}
export interface Delay {
  readonly origin: string
  readonly minutes: number
  readonly at: Date
  readonly tags: readonly string[]
}
export interface Flight {
  readonly origin: string
  readonly delay: number
  readonly departureMs: number
}
export interface Bid {
  readonly auction: number
  readonly bidder: number
  readonly price: number
}
export interface Offer {
  readonly item: string
  readonly price: number
}
export interface Sale {
  readonly shop: string
  readonly amount: number
}
export interface Car {
  readonly plate: string
  readonly km: number
}
export interface Click {
  readonly user: string
  readonly page: string
  readonly isMobile: boolean
}
export interface Event {
  readonly id: string
  readonly timeMs: number
}
export interface Request {
  readonly user: string
  readonly timeoutMs: number
}
export interface Alert {
  readonly card: string
  readonly count: number
}
export interface User {
  readonly name: string
}
export interface Session {
  readonly pages: number
}
export interface Offset {
  readonly file: string
  readonly byte: number
}
export interface Person {
  readonly id: number
  readonly name: string
}
export interface Auction {
  readonly id: number
  readonly seller: number
}
export interface Paid extends Order {
  readonly paidMs: number
}
export interface PaidOrder {
  readonly order: Order
  readonly payment: Payment
}

export declare const orders: SingleOutputStreamOperator<Order>
export declare const payments: SingleOutputStreamOperator<Payment>
export declare const shipments: DataStream<{ readonly orderId: string }>
export declare const flights: SingleOutputStreamOperator<Flight>
export declare const bids: SingleOutputStreamOperator<Bid>
export declare const offers: SingleOutputStreamOperator<Offer>
export declare const sales: SingleOutputStreamOperator<Sale>
export declare const cars: SingleOutputStreamOperator<Car>
export declare const clicks: SingleOutputStreamOperator<Click>
export declare const searches: SingleOutputStreamOperator<{ readonly user: string; readonly text: string }>
export declare const people: SingleOutputStreamOperator<Person>
export declare const auctions: SingleOutputStreamOperator<Auction>
export declare const limits: SingleOutputStreamOperator<{
  readonly country: string
  readonly amount: number
  readonly startsAnew: boolean
}>
export declare const events: SingleOutputStreamOperator<Event>
export declare const lines: SingleOutputStreamOperator<string>
export declare const words: SingleOutputStreamOperator<string>
export declare const numbers: SingleOutputStreamOperator<number>
export declare const stream: SingleOutputStreamOperator<Order>
export declare const parsed: SingleOutputStreamOperator<Order>
export declare const totals: SingleOutputStreamOperator<number>
export declare const delays: SingleOutputStreamOperator<Delay>
export declare const keyed: KeyedStream<Order, string>
export declare const windows: WindowedStream<Order, string>
export declare const paidOrders: IntervalJoin<Order, Payment, string>

export declare function parse(line: string): Order
export declare function score<T>(value: T): number
export declare function enrich<T>(value: T): T
export declare function remember<T>(value: T): T
export declare function rank<T>(value: T): T
export declare function medianOf(values: readonly number[]): number
export declare function weekOf(timestampMs: number): TimeWindow
export declare function announce(checkpoint: number, paths: readonly string[]): Promise<void>
export declare function liveOrders(from: { readonly since: unknown }): Source<Order>
export declare function lookUp(key: string, signal?: AbortSignal): Promise<string>
export declare const rates: { of(currency: string, signal?: AbortSignal): Promise<number> }

export declare const strategy: WatermarkStrategy<Order>
export declare const slowSink: Sink<number>
export declare const lateOrders: OutputTag<Order>
export declare const job: JobDefinition
export declare const context: EnumeratorContext<{ readonly id: string }>
export declare function listFolder(): Promise<readonly string[]>
