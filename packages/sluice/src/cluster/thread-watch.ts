/** Ends slot threads that hang: docs/spec/slot-threads.md, "Detection". */
import { threadHangs, type ThreadLoss } from './slot-thread-errors.ts'
import type { SlotThread } from './slot-thread-handle.ts'
import { LOOKS_PER_TIMEOUT, StillnessWatch } from './watchdog.ts'

/** Looks at the thread from when it is ready until it ends. */
export function watchThread(thread: SlotThread, timeoutMs: number | 'off'): void {
  if (timeoutMs === 'off') return
  const limits = { timeoutMs, lookIntervalMs: timeoutMs / LOOKS_PER_TIMEOUT }
  const watch = new StillnessWatch(limits)
  const looks = setInterval(() => {
    if (!thread.isAlive) return clearInterval(looks)
    if (!thread.isReady) return
    const stillMs = watch.look(thread.vitals.pulse(), performance.now())
    if (stillMs !== undefined) thread.kill(hangOf(thread, stillMs))
  }, limits.lookIntervalMs)
  looks.unref()
}

function hangOf(thread: SlotThread, stillMs: number): ThreadLoss {
  return threadHangs(thread.slot, stillMs, thread.vitals.isBusy() ? 'task loop' : 'elsewhere')
}
