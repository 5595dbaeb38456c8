/** What a process says about itself for people and programs: one line an event. Nothing is decided by it. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** What the line is about: job, vertex, subtask, attempt, taskManager, code, … */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

export interface Log {
  /** @param text a whole sentence, or what happened */
  write(level: LogLevel, text: string, fields?: LogFields): void
}
