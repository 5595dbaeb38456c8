/** Carries a type to where it cannot be inferred. Empty at run time. */
export interface RecordType<T> {
  /** Only for the type checker. */
  readonly types?: { readonly value: T }
}

const NOTHING: RecordType<never> = Object.freeze({})

/**
 * Says what an operator emits.
 *
 * @example payments.process({ emits: recordType<string>(), onRecord: (payment, ctx) => ctx.emit(payment.card) })
 */
export function recordType<T>(): RecordType<T> {
  return NOTHING
}
