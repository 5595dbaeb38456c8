/**
 * Fraud detection: a small payment of a card, and a large one within a minute behind it, is an alert.
 *
 * Run it: npm run sluice -- run examples/fraud-detection.ts --param payments=payments.jsonl --param alerts=./out/alerts
 * Its test, fraud-detection.test.ts, shows how to test a function with state and timers.
 */
import { defineJob, param, recordType, valueState, WatermarkStrategy, type DataStream } from 'sluice'
import { jsonLinesSink, jsonLinesSource } from 'sluice/files'

export interface Payment {
  readonly card: string
  readonly amount: number
  /** Milliseconds since 1970. */
  readonly timeMs: number
}

export interface Alert {
  readonly card: string
  readonly amount: number
}

const SMALL_BELOW = 1
const LARGE_FROM = 500
const WITHIN_MS = 60_000

/** A function of a stream, so that a test can run it without files. */
export function detectFraud(payments: DataStream<Payment>): DataStream<Alert> {
  return payments
    .keyBy((payment) => payment.card)
    .process({
      emits: recordType<Alert>(),
      state: { smallUntilMs: valueState<number>('small-until') },
      onRecord(payment, ctx) {
        const untilMs = ctx.state.smallUntilMs.value()
        if (untilMs !== undefined && payment.amount >= LARGE_FROM) ctx.emit({ card: ctx.key, amount: payment.amount })
        if (untilMs !== undefined) {
          ctx.deleteEventTimeTimer(untilMs)
          ctx.state.smallUntilMs.clear()
        }
        if (payment.amount >= SMALL_BELOW) return
        ctx.state.smallUntilMs.update(ctx.timestamp + WITHIN_MS)
        ctx.registerEventTimeTimer(ctx.timestamp + WITHIN_MS)
      },
      onTimer(_timestampMs, ctx) {
        ctx.state.smallUntilMs.clear()
      },
    })
    .uid('fraud-by-card')
}

const params = {
  payments: param.path('payments.jsonl'),
  alerts: param.path('./out/alerts'),
}

export default defineJob('fraud-detection', { params }, (env, { payments: input, alerts }) => {
  env.enableCheckpointing('1s')
  const payments = env.fromSource(
    jsonLinesSource<Payment>(input),
    WatermarkStrategy.forBoundedOutOfOrderness<Payment>('5s').withTimestamp((payment) => payment.timeMs),
    { uid: 'payments' },
  )
  detectFraud(payments).sinkTo(jsonLinesSink(alerts)).uid('alerts')
})
