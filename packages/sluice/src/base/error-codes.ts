/** Who has to act: the author of the job, somebody outside (disk, network, other service), or we. */
export type ErrorDomain = 'user' | 'external' | 'internal'

/** `never`: the same call fails again; `backoff`: the same call may work later; `restart`: the job may work after a restart. */
export type ErrorRetry = 'never' | 'backoff' | 'restart'

interface ErrorCodeRow {
  readonly domain: ErrorDomain
  readonly retry: ErrorRetry
  readonly title: string
}

/**
 * The only table of errors. Each code has a page, docs/errors/CODE.md.
 *
 * @example const { domain, title } = ERROR_CODES.JOB1003
 */
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
  JOB1101: { domain: 'user', retry: 'never', title: 'There is no such job' },
  JOB1102: { domain: 'user', retry: 'never', title: 'A job of this name runs already' },
  JOB1103: { domain: 'user', retry: 'never', title: 'A job bundle is unknown, damaged or too large' },
  JOB1104: { domain: 'user', retry: 'never', title: 'The job cannot be made into a bundle' },
  JOB1105: { domain: 'user', retry: 'never', title: 'No job, or more than one, has this name' },
  JOB1106: { domain: 'user', retry: 'never', title: 'The job has ended already' },
  JOB1107: { domain: 'external', retry: 'backoff', title: 'The job has no running tasks at the moment' },
  JOB1108: { domain: 'external', retry: 'never', title: 'An entry of the job registry is damaged' },

  // GRA: building the graph
  GRA1001: { domain: 'user', retry: 'never', title: 'A stateful operator has no uid' },
  GRA1002: { domain: 'user', retry: 'never', title: 'Two operators share a uid' },
  GRA1003: { domain: 'user', retry: 'never', title: 'Parallelism or max parallelism is out of range' },
  GRA1004: { domain: 'user', retry: 'never', title: 'The job has no source or no operators' },
  GRA1005: { domain: 'user', retry: 'never', title: 'A window, timer or watermark definition is not valid' },
  GRA1006: { domain: 'user', retry: 'never', title: 'Two states of one operator share a name' },
  GRA1007: { domain: 'user', retry: 'never', title: 'The graph was changed after it was built' },
  GRA1008: { domain: 'user', retry: 'never', title: 'A uid, job name or slot-sharing group cannot be used' },
  GRA1009: { domain: 'user', retry: 'never', title: 'forward() between operators of different parallelism' },
  GRA1020: { domain: 'user', retry: 'never', title: 'Two streams of different jobs were put together' },

  // KEY, TIM: keys and time
  KEY1001: { domain: 'user', retry: 'restart', title: 'keyBy returned something that cannot be a key' },
  KEY1002: { domain: 'user', retry: 'restart', title: 'A partitioner returned no number of a subtask' },
  TIM1001: { domain: 'user', retry: 'restart', title: 'A timestamp is not a safe integer of milliseconds' },

  // SER: bytes
  SER1001: { domain: 'user', retry: 'restart', title: 'A record or state value cannot be encoded' },
  SER1002: { domain: 'external', retry: 'restart', title: 'Bytes cannot be decoded' },

  // STA: state
  STA1001: { domain: 'user', retry: 'never', title: 'State was used outside a keyed record or timer' },
  STA1002: { domain: 'user', retry: 'never', title: 'A state in the snapshot does not fit the declared state' },
  STA1003: { domain: 'user', retry: 'never', title: 'The declaration of a state is not valid' },
  STA1010: { domain: 'user', retry: 'never', title: 'What only onBroadcast may do was done elsewhere' },

  // CKP: checkpoints
  CKP1001: { domain: 'external', retry: 'backoff', title: 'Checkpoint storage cannot be written' },
  CKP1002: { domain: 'external', retry: 'backoff', title: 'Checkpoint storage cannot be read' },
  CKP1003: { domain: 'external', retry: 'never', title: 'A checkpoint is corrupt or incomplete' },
  CKP1004: { domain: 'external', retry: 'backoff', title: 'A task declined a checkpoint' },
  CKP1005: { domain: 'external', retry: 'restart', title: 'Too many consecutive checkpoints failed' },
  CKP1006: { domain: 'external', retry: 'backoff', title: 'A checkpoint took longer than its timeout' },
  CKP1007: { domain: 'external', retry: 'never', title: 'Another leader has taken the job over' },
  CKP1008: { domain: 'external', retry: 'never', title: 'No retained checkpoint can be restored' },
  CKP1009: { domain: 'external', retry: 'backoff', title: 'A checkpoint was given up' },
  CKP1010: { domain: 'user', retry: 'never', title: 'Checkpointing is off' },

  // DSK: disks
  DSK1001: { domain: 'external', retry: 'backoff', title: 'A file operation failed' },

  // SRC: sources
  SRC1001: { domain: 'user', retry: 'never', title: 'The input does not exist or cannot be read' },
  SRC1002: { domain: 'user', retry: 'never', title: 'A record of the input cannot be decoded' },
  SRC1003: { domain: 'external', retry: 'restart', title: 'Reading the input failed' },
  SRC1004: { domain: 'external', retry: 'never', title: 'The input changed under a running or restored job' },
  SRC1005: { domain: 'external', retry: 'restart', title: 'Looking for splits while the job runs failed' },
  SRC1006: { domain: 'user', retry: 'restart', title: 'A source event was not understood' },
  SRC1007: { domain: 'user', retry: 'never', title: 'A hybrid source is not put together right' },
  SRC1008: { domain: 'external', retry: 'never', title: 'A watched folder holds too many files' },
  SRC1009: { domain: 'external', retry: 'restart', title: 'A socket source has lost its server' },
  SRC1010: { domain: 'user', retry: 'never', title: 'The place where the job runs has no sockets' },

  // SNK: sinks
  SNK1001: { domain: 'external', retry: 'restart', title: 'A sink cannot write' },
  SNK1002: { domain: 'external', retry: 'restart', title: 'A commit failed for good' },
  SNK1003: { domain: 'external', retry: 'never', title: 'A committable is gone' },
  SNK1004: { domain: 'user', retry: 'never', title: 'The output directory cannot be used' },
  SNK1005: { domain: 'external', retry: 'restart', title: 'A batch of an asynchronous sink could not be sent' },

  // TSK: tasks and threads
  TSK1001: { domain: 'user', retry: 'restart', title: 'A user function threw' },
  TSK1002: { domain: 'external', retry: 'restart', title: 'A slot thread ended' },
  TSK1003: { domain: 'external', retry: 'restart', title: 'A slot thread ran out of memory' },
  TSK1004: { domain: 'user', retry: 'restart', title: 'A slot thread hangs' },
  TSK1005: { domain: 'user', retry: 'never', title: 'A user function emitted after it was closed' },
  TSK1006: { domain: 'user', retry: 'never', title: 'A slot thread cannot be ended' },
  TSK1007: { domain: 'user', retry: 'never', title: 'The same record failed the job again and again' },
  TSK1008: { domain: 'external', retry: 'restart', title: 'An asynchronous request timed out' },

  // CLU: leaders, registration, leases
  CLU1001: { domain: 'external', retry: 'never', title: 'This JobManager does not lead' },
  CLU1003: { domain: 'external', retry: 'backoff', title: 'The shared storage is not shared, or cannot be used' },
  CLU1004: { domain: 'external', retry: 'restart', title: 'The TaskManager lost its leader' },
  CLU1005: { domain: 'external', retry: 'restart', title: 'A TaskManager has no free slot' },
  CLU1010: { domain: 'external', retry: 'never', title: 'The local cluster cannot be started or stopped' },
  CLU1006: { domain: 'external', retry: 'restart', title: 'A TaskManager is gone' },
  CLU1007: { domain: 'external', retry: 'restart', title: 'A slot was not ready in time' },
  CLU1008: { domain: 'external', retry: 'restart', title: 'Slots were given to another job' },
  CLU1009: { domain: 'external', retry: 'backoff', title: 'A TaskManager does not answer' },

  // NET: connections between processes
  NET1004: { domain: 'external', retry: 'restart', title: 'A data connection between two slots broke' },

  // NET: connections between processes
  NET1001: { domain: 'user', retry: 'never', title: 'Two processes speak different versions of the protocol' },
  NET1002: { domain: 'external', retry: 'backoff', title: 'Another process cannot be reached or does not answer' },
  NET1003: { domain: 'user', retry: 'never', title: 'What is at the other end is not what was looked for' },
  NET1020: { domain: 'external', retry: 'restart', title: 'A message between processes is too large' },
  SEC1001: { domain: 'user', retry: 'never', title: 'Two processes do not have the same secret' },
  SEC1006: { domain: 'user', retry: 'never', title: 'A TLS certificate is not trusted' },
  CLU1002: { domain: 'external', retry: 'backoff', title: 'The JobManager there does not lead' },

  // NET1005 and up: the REST API and its clients
  NET1005: { domain: 'external', retry: 'restart', title: 'The port is taken' },
  NET1006: { domain: 'external', retry: 'backoff', title: 'The REST API cannot be reached' },
  NET1007: { domain: 'external', retry: 'never', title: 'What answers is not the REST API of Sluice' },
  NET1008: { domain: 'user', retry: 'never', title: 'A REST request is not understood' },
  NET1009: { domain: 'user', retry: 'never', title: 'A REST request asks for something that is not there' },
  NET1010: { domain: 'user', retry: 'never', title: 'A REST request is too large' },
  NET1011: { domain: 'user', retry: 'never', title: 'A REST request asks for what is not supported' },
  NET1012: { domain: 'external', retry: 'backoff', title: 'Too many operations are under way' },

  // SEC1002 and up: who may use the REST API
  SEC1002: { domain: 'user', retry: 'never', title: 'A server beyond this machine needs a secret or mutual TLS' },
  SEC1003: { domain: 'user', retry: 'never', title: 'The REST API needs a token, or another one' },
  SEC1004: { domain: 'user', retry: 'never', title: 'A request came by a foreign host name or page' },
  SEC1005: { domain: 'user', retry: 'never', title: 'A secret, token or certificate cannot be used' },

  // CLI
  CLI1001: { domain: 'user', retry: 'never', title: 'The command line is not understood' },

  // SIM: the simulator
  SIM1001: { domain: 'internal', retry: 'never', title: 'A simulated run broke a guarantee' },
} as const satisfies Record<`${Uppercase<string>}`, ErrorCodeRow>

/** The code of an error, such as `CKP1004`; its page is docs/errors/CODE.md. */
export type ErrorCode = keyof typeof ERROR_CODES

/** What another process said or wrote may be of another version: codes that this one does not know become INT1001. */
export function knownErrorCode(code: string): ErrorCode {
  return isErrorCode(code) ? code : 'INT1001'
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code)
}
