/** What the JobManager says about its TaskManagers. Pure. */
import type { NetworkAddress } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import type { TaskManagerId } from '../base/ids.ts'
import type { NetworkError, NetworkFailureKind } from '../base/network-error.ts'
import type { TaskManagerFacts } from '../control/cluster-messages.ts'

/** CLU1006 in its usual shape. */
function gone({ id, host }: TaskManagerFacts, why: string, todo: string): EngineError {
  return new EngineError(
    'CLU1006',
    `TaskManager ${id} on ${host} is gone: ${why}. Its slots are lost; jobs with tasks there restart from their last completed checkpoint. ${todo}`,
  )
}

const LOOK = 'Look at its log and its machine, or start another TaskManager.'

export function connectionClosed(facts: TaskManagerFacts, error: NetworkError | undefined): EngineError {
  if (error?.failure === 'protocol') return saidNonsense(facts, error.message)
  const how = error === undefined ? 'it closed its connection' : `its connection broke (${error.failure})`
  return gone(facts, `${how}; the process has ended, or the network failed`, LOOK)
}

export function silentFor(facts: TaskManagerFacts, silentMs: number): EngineError {
  return gone(facts, `nothing was heard of it for ${(silentMs / 1000).toFixed(1)} s`, LOOK)
}

export function leaves(facts: TaskManagerFacts, reason: string): EngineError {
  return gone(facts, `it leaves (${reason})`, 'Nothing needs to be done if that was meant.')
}

export function registeredAgain(facts: TaskManagerFacts): EngineError {
  return gone(facts, 'it registered again over another connection', 'Nothing needs to be done.')
}

export function saidNonsense(facts: TaskManagerFacts, what: string): EngineError {
  return gone(facts, `what it said is not understood: ${what}`, 'Install the same version of sluice on all machines.')
}

export function doesNotRead(facts: TaskManagerFacts, bytesMax: number): EngineError {
  return gone(facts, `more than ${bytesMax} bytes wait to be sent to it, and it does not take them`, LOOK)
}

export function steppedDown(facts: TaskManagerFacts): EngineError {
  return gone(
    facts,
    'this JobManager does not lead any more',
    'Nothing needs to be done: it registers with the next leader.',
  )
}

export function clockDiffers(aheadMs: number): string {
  const seconds = (Math.abs(aheadMs) / 1000).toFixed(1)
  return (
    `has a clock that is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} that of this JobManager. Processing time and ` +
    'timestamps of log lines differ by so much. Synchronize the clocks of the machines (NTP)'
  )
}

export function versionDiffers(theirs: string, ours: string): string {
  return `runs version ${theirs} of sluice, this JobManager ${ours}. It is served. Install the same version on all machines`
}

export function notRegistered(remote: string, afterMs: number | undefined): EngineError {
  const what = afterMs === undefined ? 'did not register properly' : `did not register within ${afterMs} ms`
  return new EngineError(
    'NET1002',
    `the connection of ${remote} ${what}. It was closed; a TaskManager tries again by itself. ` +
      'Check that the process there is a TaskManager of the same version, and not overloaded.',
  )
}

export function cannotListen({ host, port }: NetworkAddress, cause: NetworkError): EngineError {
  const { what, advice } = LISTENING[cause.failure] ?? {
    what: `cannot be used (${cause.message})`,
    advice: ANOTHER_PLACE,
  }
  return new EngineError(
    'NET1005',
    `port ${port} of ${host} ${what}, so TaskManagers cannot connect there. The JobManager was not started. ${advice}`,
    { cause },
  )
}

const ANOTHER_PLACE = 'Choose another address with --host and --port (options jobmanager.host, jobmanager.port).'

const LISTENING: Readonly<Partial<Record<NetworkFailureKind, { readonly what: string; readonly advice: string }>>> = {
  'address-in-use': {
    what: 'is taken',
    advice: 'End the process that has the port, or choose another one with --port (option jobmanager.port).',
  },
  unreachable: {
    what: 'is no place on this machine: it has no such address, or the name is unknown',
    advice: 'Give a name or an address of this machine with --host (option jobmanager.host).',
  },
  denied: {
    what: 'is not for this user',
    advice: 'Choose a port from 1024 on with --port (option jobmanager.port).',
  },
}

export function noTaskManager(id: TaskManagerId): EngineError {
  return new EngineError(
    'CLU1009',
    `TaskManager ${id} is not registered, or too many questions wait for answers. Nothing else is affected. ` +
      'List the TaskManagers (sluice taskmanagers) and ask again.',
  )
}

export function doesNotAnswer({ id, host }: TaskManagerFacts, afterMs: number): EngineError {
  return new EngineError(
    'CLU1009',
    `TaskManager ${id} did not answer within ${afterMs} ms. Nothing else is affected. Ask again, or look at its log on ${host}.`,
  )
}
