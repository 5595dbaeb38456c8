/** The errors of a TaskManager's connection to its leader, as data. */
import type { NetworkAddress } from '../base/env.ts'
import { EngineError, errorToData, type ErrorData } from '../base/errors.ts'
import type { LeaderEpoch } from '../base/ids.ts'
import { addressText } from '../base/network-address.ts'

export type AwaitedStep = 'a connection' | 'the handshake' | 'the answer to the registration'

export function tookTooLong(jobManager: NetworkAddress, what: AwaitedStep, timeoutMs: number): ErrorData {
  return errorToData(
    new EngineError(
      'NET1002',
      `${what} took longer than ${timeoutMs / 1000} s at ${addressText(jobManager)}. This TaskManager offers no slots there and tries again. Check that the JobManager runs and is not overloaded, and that the address is right`,
    ),
  )
}

export function olderLeader(jobManager: NetworkAddress, epoch: LeaderEpoch, known: LeaderEpoch): ErrorData {
  return errorToData(
    new EngineError(
      'CLU1002',
      `the JobManager at ${addressText(jobManager)} leads with epoch ${epoch}, but epoch ${known} has begun. This TaskManager does not serve it and looks for the newer leader. Nothing needs to be done if that one is running`,
    ),
  )
}

export function leaseOver(jobManager: NetworkAddress, leaseMs: number): ErrorData {
  return errorToData(
    new EngineError(
      'CLU1004',
      `the JobManager at ${addressText(jobManager)} has not acknowledged a heartbeat that was sent within the last ${leaseMs / 1000} s. The slots of this TaskManager are ended, because their job may be started elsewhere, and it looks for a leader. Check the network and the load of both machines; heartbeat.timeout sets how long silence is borne`,
    ),
  )
}

export function outOfTurn(jobManager: NetworkAddress, what: string): ErrorData {
  return errorToData(
    new EngineError(
      'NET1003',
      `the JobManager at ${addressText(jobManager)} sent ${what}, which does not fit what was said before. The connection is given up and made anew. If it happens again, check that both sides have the same version`,
    ),
  )
}

export function storageUnread(jobManager: NetworkAddress, timeoutMs: number): ErrorData {
  return errorToData(
    new EngineError(
      'CLU1003',
      `the shared storage of the JobManager at ${addressText(jobManager)} could not be read within ${timeoutMs / 1000} s. This TaskManager offers no slots there and tries again. Check that the storage answers on this machine`,
    ),
  )
}

export function slotsRemain(timeoutMs: number): ErrorData {
  return errorToData(
    new EngineError(
      'TSK1006',
      `not all slots of this TaskManager have ended ${timeoutMs / 1000} s after they were told to. What they run may go on, and write, as long as this process lives: the TaskManager ends. Start another one`,
    ),
  )
}

/** What ends the slots when the TaskManager ends on purpose. */
export function taskManagerStops(): ErrorData {
  return errorToData(
    new EngineError(
      'CLU1004',
      'the TaskManager was told to stop. Its slots are ended; their jobs go on elsewhere from the last completed checkpoint. Nothing needs to be done',
    ),
  )
}
