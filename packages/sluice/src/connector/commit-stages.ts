import type { CommitContext, Sink } from './sink.ts'

/** What can be put around the commit of any sink. */
export interface CommitStages<Committable> {
  /** Changes what is stored and committed, e.g. makes one committable of many; behind the sink's own stage. See `Sink.preCommit`. */
  readonly preCommit?: (
    committables: readonly Committable[],
    context: CommitContext,
  ) => Promise<readonly Committable[]> | readonly Committable[]
  /** Hears of what is committed, at least once, per subtask and checkpoint; behind the sink's own stage. See `Sink.postCommit`. */
  readonly postCommit?: (committables: readonly Committable[], context: CommitContext) => Promise<void> | void
}

/**
 * The sink with stages around its commit. Names, directory and state stay the same.
 *
 * @throws SNK1001 while the job runs, when `preCommit` fails; SNK1002 when `postCommit` does. The job then restarts from its last checkpoint.
 * @example
 * orders.sinkTo(withCommitStages(jsonLinesSink<Order>('out'), {
 *   postCommit: (files, { checkpoint }) => announce(checkpoint, files.map(({ to }) => to)),
 * })).uid('orders-out')
 */
export function withCommitStages<T, Committable, WriterState>(
  sink: Sink<T, Committable, WriterState>,
  { preCommit, postCommit }: CommitStages<Committable>,
): Sink<T, Committable, WriterState> {
  return Object.freeze<Sink<T, Committable, WriterState>>({
    ...sink,
    ...(preCommit === undefined
      ? {}
      : {
          preCommit: async (given, context) => preCommit((await sink.preCommit?.(given, context)) ?? given, context),
        }),
    ...(postCommit === undefined
      ? {}
      : {
          postCommit: async (committed, context) => {
            await sink.postCommit?.(committed, context)
            await postCommit(committed, context)
          },
        }),
  })
}
