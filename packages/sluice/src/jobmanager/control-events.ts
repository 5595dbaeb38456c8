/** What the JobManager tells about connections, for logs and tests. Nothing here decides anything. */
import type { ErrorData } from '../base/errors.ts'
import type { TaskManagerId } from '../base/ids.ts'

export type ControlEvent =
  | {
      readonly kind: 'task-manager'
      readonly id: TaskManagerId
      readonly host: string
      /** A whole sentence. */
      readonly what: string
      /** Set when something is not as it should be. */
      readonly error?: ErrorData
      /** It is served, and somebody should look. */
      readonly concern?: true
    }
  /** A connection that did not come as far as to register. `remote`: `host:port`. */
  | { readonly kind: 'connection-refused'; readonly remote: string; readonly error: ErrorData }
