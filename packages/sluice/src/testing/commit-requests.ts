/** For tests of committers: requests that remember what was said to them. */
import type { CommitRequest } from '../connector/sink.ts'

export interface RecordedRequest<C> extends CommitRequest<C> {
  /** The last word about it. */
  readonly verdict: 'committed' | 'later' | 'already' | 'failed'
  readonly error: unknown
}

export function commitRequests<C>(committables: readonly C[]): readonly RecordedRequest<C>[] {
  return committables.map((committable) => new Recorded(committable))
}

class Recorded<C> implements RecordedRequest<C> {
  readonly numberOfRetries = 0
  committable: C
  verdict: RecordedRequest<C>['verdict'] = 'committed'
  error: unknown

  constructor(committable: C) {
    this.committable = committable
  }

  retryLater(error?: unknown): void {
    this.verdict = 'later'
    this.error = error
  }

  updateAndRetryLater(committable: C, error?: unknown): void {
    this.committable = committable
    this.retryLater(error)
  }

  signalAlreadyCommitted(): void {
    this.verdict = 'already'
  }

  signalFailed(error: unknown): void {
    this.verdict = 'failed'
    this.error = error
  }
}
