/** Bounds one step: asked between two pieces of work that may be cut. */
export interface Turn {
  /** True when the step should end: output is blocked, or the step had its share. */
  isOver(): boolean
}

/** `more`: the turn ended first; call again with the same argument before anything else. */
export type Advance = 'done' | 'more'
