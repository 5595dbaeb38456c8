/** Who has to act: the author of the job, somebody outside (disk, network, other service), or we. */
export type ErrorDomain = 'user' | 'external' | 'internal'

/** `never`: the same call fails again; `backoff`: the same call may work later; `restart`: the job may work after a restart. */
export type ErrorRetry = 'never' | 'backoff' | 'restart'

interface ErrorCodeRow {
  readonly domain: ErrorDomain
  readonly retry: ErrorRetry
  readonly title: string
}

/** The only table of errors. Each code has a page, docs/errors/CODE.md. */
export const ERROR_CODES = {
  // INT: our own bugs
  INT1001: { domain: 'internal', retry: 'restart', title: 'An invariant of the engine is broken' },

  // CFG: options and parameters
  CFG1001: { domain: 'user', retry: 'never', title: 'Unknown option' },
  CFG1002: { domain: 'user', retry: 'never', title: 'Option value does not fit its type or limits' },
  CFG1003: { domain: 'user', retry: 'never', title: 'Options contradict each other' },
  CFG1004: { domain: 'user', retry: 'never', title: 'Unknown or missing job parameter' },
  CFG1005: { domain: 'user', retry: 'never', title: 'Job parameter value does not fit its type' },

  // JOB: job modules and jobs as a whole
  JOB1001: { domain: 'user', retry: 'never', title: 'The job module cannot be loaded' },
  JOB1002: { domain: 'user', retry: 'never', title: 'The job module has no default export made by defineJob' },
  JOB1003: { domain: 'user', retry: 'never', title: 'The job failed and its restart strategy gave up' },
  JOB1004: { domain: 'user', retry: 'never', title: 'The state directory is in use by another process' },
  JOB1005: { domain: 'user', retry: 'never', title: 'The state directory belongs to another job' },
  JOB1006: { domain: 'user', retry: 'never', title: 'The graph changed since the state was written' },
  JOB1007: { domain: 'user', retry: 'never', title: 'Two builds of the job graph differ' },

  // GRA: building the graph
  GRA1001: { domain: 'user', retry: 'never', title: 'A stateful operator has no uid' },
  GRA1002: { domain: 'user', retry: 'never', title: 'Two operators share a uid' },
  GRA1003: { domain: 'user', retry: 'never', title: 'Parallelism or max parallelism is out of range' },
  GRA1004: { domain: 'user', retry: 'never', title: 'The job has no source or no operators' },
  GRA1005: { domain: 'user', retry: 'never', title: 'A window, timer or watermark definition is not valid' },
  GRA1006: { domain: 'user', retry: 'never', title: 'Two states of one operator share a name' },
  GRA1007: { domain: 'user', retry: 'never', title: 'The graph was changed after it was built' },
  GRA1008: { domain: 'user', retry: 'never', title: 'A uid or job name cannot be used' },

  // KEY, TIM: keys and time
  KEY1001: { domain: 'user', retry: 'restart', title: 'keyBy returned something that cannot be a key' },
  TIM1001: { domain: 'user', retry: 'restart', title: 'A timestamp is not a safe integer of milliseconds' },

  // SER: bytes
  SER1001: { domain: 'user', retry: 'restart', title: 'A record or state value cannot be encoded' },
  SER1002: { domain: 'external', retry: 'restart', title: 'Bytes cannot be decoded' },

  // STA: state
  STA1001: { domain: 'user', retry: 'never', title: 'State was used outside a keyed record or timer' },
  STA1002: { domain: 'user', retry: 'never', title: 'A state in the snapshot does not fit the declared state' },

  // CKP: checkpoints
  CKP1001: { domain: 'external', retry: 'backoff', title: 'Checkpoint storage cannot be written' },
  CKP1002: { domain: 'external', retry: 'backoff', title: 'Checkpoint storage cannot be read' },
  CKP1003: { domain: 'external', retry: 'never', title: 'A checkpoint is corrupt or incomplete' },
  CKP1004: { domain: 'external', retry: 'backoff', title: 'A task declined a checkpoint' },
  CKP1005: { domain: 'external', retry: 'restart', title: 'Too many consecutive checkpoints failed' },
  CKP1006: { domain: 'external', retry: 'backoff', title: 'A checkpoint took longer than its timeout' },
  CKP1007: { domain: 'external', retry: 'never', title: 'Another leader published this checkpoint' },
  CKP1008: { domain: 'external', retry: 'never', title: 'No retained checkpoint can be restored' },
  CKP1009: { domain: 'external', retry: 'backoff', title: 'A checkpoint was given up' },

  // DSK: disks
  DSK1001: { domain: 'external', retry: 'backoff', title: 'A file operation failed' },

  // SRC: sources
  SRC1001: { domain: 'user', retry: 'never', title: 'The input does not exist or cannot be read' },
  SRC1002: { domain: 'user', retry: 'never', title: 'A record of the input cannot be decoded' },
  SRC1003: { domain: 'external', retry: 'restart', title: 'Reading the input failed' },
  SRC1004: { domain: 'external', retry: 'never', title: 'The input changed under a running or restored job' },

  // SNK: sinks
  SNK1001: { domain: 'external', retry: 'restart', title: 'A sink cannot write' },
  SNK1002: { domain: 'external', retry: 'restart', title: 'A commit failed for good' },
  SNK1003: { domain: 'external', retry: 'never', title: 'A committable is gone' },
  SNK1004: { domain: 'user', retry: 'never', title: 'The output directory cannot be used' },

  // TSK: tasks and threads
  TSK1001: { domain: 'user', retry: 'restart', title: 'A user function threw' },
  TSK1002: { domain: 'external', retry: 'restart', title: 'A slot thread ended' },
  TSK1003: { domain: 'external', retry: 'restart', title: 'A slot thread ran out of memory' },
  TSK1004: { domain: 'user', retry: 'restart', title: 'A slot thread hangs' },
  TSK1005: { domain: 'user', retry: 'never', title: 'A user function emitted after it was closed' },
  TSK1006: { domain: 'user', retry: 'never', title: 'A slot thread cannot be ended' },

  // CLI
  CLI1001: { domain: 'user', retry: 'never', title: 'The command line is not understood' },

  // SIM: the simulator
  SIM1001: { domain: 'internal', retry: 'never', title: 'A simulated run broke a guarantee' },
} as const satisfies Record<`${Uppercase<string>}`, ErrorCodeRow>

export type ErrorCode = keyof typeof ERROR_CODES
