/** The shape of one row of the option table (options.ts). */

type OptionScope =
  /** Part of what a checkpoint holds. */
  | 'state'
  /** The same for the whole cluster. */
  | 'cluster'
  /** Of one process; may differ between machines. */
  | 'process'
  /** Of one job; may change at every start. */
  | 'job'

type OptionType = 'duration' | 'size' | 'integer' | 'number' | 'boolean' | 'choice' | 'uri' | 'host' | 'path'

/** One option. Values are text in the words of a user. */
export interface OptionRow {
  readonly type: OptionType
  readonly default: string
  readonly min?: string
  readonly max?: string
  /** The only values of a `choice`. */
  readonly choices?: readonly string[]
  /** Values allowed beside those of the type. */
  readonly words?: readonly string[]
  readonly scope: OptionScope
  readonly doc: string
  /** What Flink calls it. */
  readonly flinkKey?: string
}
