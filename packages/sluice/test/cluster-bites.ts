/** Clusters that break a rule on purpose: each is a small wrapper around the real thing, for the tests that show that the simulator notices. */
import type { Connection, Disk, Env, Network } from '../src/base/env.ts'
import { NetworkError } from '../src/base/network-error.ts'
import type { FromSlot, ToSlot } from '../src/control/messages.ts'
import { decodeFrame } from '../src/exchange/data-frames.ts'
import type { LaunchedSlot, SlotLauncher, SlotListener } from '../src/taskmanager/slot-launcher.ts'
import type { ClusterHooks } from '../src/testing/cluster-sim-process.ts'
import { committingWriter, sinks, skippingReader, sources, withoutFileSync } from './simulation-bites.ts'

export interface ClusterBite {
  /** What is wrong, for the name of the test. */
  readonly what: string
  /** Rules that may notice it. */
  readonly rules: RegExp
  readonly scenario: string
  /** Made anew for each run. */
  readonly hooks: () => ClusterHooks
  /** What breaks beside it; as drawn by default. */
  readonly schedule?: (seed: number) => string
  /** Seeds within which it has to be found. */
  readonly seeds: number
}

export const CLUSTER_BITES: readonly ClusterBite[] = [
  {
    what: 'a sink that commits at the cut instead of after the publication',
    rules: /rule O2/,
    scenario: 'keyed-process',
    hooks: () => ({
      wrapNode: sinks((sink) => ({
        ...sink,
        createWriter: (context, restored) => committingWriter(sink, context, sink.createWriter(context, restored)),
      })),
    }),
    seeds: 5,
  },
  {
    what: 'a leader that does not make the ids of the one before unpublishable',
    rules: /rule (C2|O4)/,
    scenario: 'generated',
    hooks: () => ({
      // The next checkpoint of the new leader, which forgets all ids before it, comes late.
      options: { 'checkpoint.interval': '500ms', 'checkpoint.concurrentMax': '1' },
      wrapJobManagerEnv: (env) =>
        withDisk(env, (disk) => ({
          ...disk,
          link: async (existing, name) => (existing.includes('.many.') ? undefined : disk.link(existing, name)),
        })),
    }),
    schedule: (seed) => `disk(hang,leader,1200)@t${600 + seed * 37}`,
    seeds: 30,
  },
  {
    what: 'a leader whose renewals do not reach the storage, and that does not see who claims it',
    rules: /rule (C4|C5|O4|C2)/,
    scenario: 'keyed-process',
    hooks: () => ({ wrapJobManagerEnv: (env) => withDisk(env, deafToTheStorage) }),
    schedule: () => '',
    seeds: 5,
  },
  {
    what: 'barriers that are not aligned',
    rules: /rule C1/,
    scenario: 'keyed-process',
    hooks: () => ({ options: { 'checkpoint.mode': 'at-least-once', 'checkpoint.interval': '10ms' } }),
    schedule: () => 'throw()@p3; throw()@p6; throw()@p9; throw()@p12',
    seeds: 20,
  },
  {
    what: 'a source that goes on one record too late after a restart',
    rules: /rule C1/,
    scenario: 'generated',
    hooks: () => ({
      wrapNode: sources((source) => ({
        ...source,
        createReader: (context) => skippingReader(source.createReader(context)),
      })),
    }),
    schedule: () => 'crash(tm1,10)@p2; throw()@p3',
    seeds: 5,
  },
  {
    what: 'a TaskManager that goes on when its lease is over',
    rules: /rule (C3|C1)/,
    scenario: 'keyed-process',
    hooks: () => ({ wrapLauncher: (launcher) => ({ ...rest(launcher), launch: immortal(launcher) }) }),
    schedule: () => 'cut(tm1,jm1+jm2+jm3,both,2500)@p2; cut(tm2,jm1+jm2+jm3,both,2500)@p4',
    seeds: 30,
  },
  {
    what: 'a slot that says it has ended its tasks and lets them run',
    rules: /rule (C3|C1|O7)/,
    scenario: 'two-pipelines',
    hooks: () => ({ wrapLauncher: (launcher) => ({ ...rest(launcher), launch: lying(launcher) }) }),
    schedule: () => 'throw()@p1; throw()@t500',
    seeds: 40,
  },
  {
    what: 'the snapshot of an earlier checkpoint taken for that of a later one',
    rules: /rule (C1|O7)/,
    scenario: 'keyed-process',
    hooks: () => ({ wrapLauncher: (launcher) => ({ ...rest(launcher), launch: stale(launcher) }) }),
    schedule: () => 'throw()@p4; throw()@p8',
    seeds: 10,
  },
  {
    what: 'an acknowledgement of the attempt before taken for one of this attempt',
    rules: /rule (C3|C1)/,
    scenario: 'keyed-process',
    hooks: () => ({ wrapLauncher: (launcher) => ({ ...rest(launcher), launch: late(launcher) }) }),
    schedule: () => 'throw()@p2; throw()@p4',
    seeds: 20,
  },
  {
    what: 'credits that get lost between two TaskManagers',
    rules: /rule C5/,
    scenario: 'keyed-process',
    hooks: () => ({ wrapTaskManagerEnv: (env) => ({ ...env, network: withoutCredits(env.network) }) }),
    schedule: () => '',
    seeds: 10,
  },
  {
    what: 'a result of a job that is not written',
    rules: /rule O8/,
    scenario: 'generated',
    hooks: () => ({
      wrapJobManagerEnv: (env) => withDisk(env, (disk) => ({ ...disk, link: withoutResult(disk) })),
    }),
    schedule: () => '',
    seeds: 3,
  },
  {
    what: 'a checkpoint store that does not sync its files',
    rules: /rule [OC][1-9]/,
    scenario: 'keyed-process',
    hooks: () => ({ wrapStoreDisk: (disk) => withoutFileSync(disk, '/') }),
    schedule: () => 'power(10)@p3; power(10)@p6',
    seeds: 10,
  },
]

type Launch = SlotLauncher['launch']

function withDisk(env: Env, wrap: (disk: Disk) => Disk): Env {
  return { ...env, disk: wrap(env.disk) }
}

/** The launcher's methods, bound: a spread would lose them. */
function rest(launcher: SlotLauncher): SlotLauncher {
  return {
    bundles: launcher.bundles,
    launch: (launch, listener) => launcher.launch(launch, listener),
    leaseUntil: (untilMs) => launcher.leaseUntil(untilMs),
  }
}

function deafToTheStorage(disk: Disk): Disk {
  let renewals = 0
  let claims: ReturnType<Disk['list']> | undefined
  return {
    ...disk,
    rename: async (from, to) =>
      to.includes('/leader/renewals/') && ++renewals > 2 ? undefined : disk.rename(from, to),
    list: (path) => {
      if (!path.endsWith('/leader/epochs') || renewals === 0) return disk.list(path)
      claims ??= disk.list(path)
      return claims
    },
  }
}

function withoutResult(disk: Disk): Disk['link'] {
  return async (existing, name) => {
    const isTurn = /\/turns\/\d+\.json$/.test(name)
    const text = isTurn ? new TextDecoder().decode(await disk.read(existing)) : ''
    if (!text.includes('"ended"')) await disk.link(existing, name)
  }
}

function immortal(launcher: SlotLauncher): Launch {
  return (launch, listener) => {
    const slot = launcher.launch(launch, listener)
    return { send: (message) => slot.send(message), kill: (error) => slot.kill(error), end: async () => 'ended' }
  }
}

function lying(launcher: SlotLauncher): Launch {
  return (launch, listener) => {
    const slot: LaunchedSlot = launcher.launch(launch, listener)
    const send = (message: ToSlot): void => {
      if (message.kind === 'cancel')
        void Promise.resolve().then(() => listener.onMessage({ kind: 'stopped', attempt: message.attempt }))
      else slot.send(message)
    }
    return { send, kill: (error) => slot.kill(error), end: () => slot.end() }
  }
}

/** Every acknowledgement carries what the first one of its task carried. */
function stale(launcher: SlotLauncher): Launch {
  return (launch, listener) => {
    const first = new Map<string, Ack['snapshot']>()
    const onMessage: SlotListener['onMessage'] = (message) => {
      if (message.kind !== 'ack') return listener.onMessage(message)
      const key = `${message.attempt} ${message.snapshot.vertex} ${message.snapshot.subtask}`
      const snapshot = first.get(key) ?? message.snapshot
      first.set(key, snapshot)
      listener.onMessage({ ...message, snapshot })
    }
    return launcher.launch(launch, {
      onReady: (ready) => listener.onReady(ready),
      onMessage,
      onLost: (error) => listener.onLost(error),
    })
  }
}

type Ack = Extract<FromSlot, { kind: 'ack' }>

/** Where a first subtask has acknowledged before, the first acknowledgement of a later attempt carries that one. */
function late(launcher: SlotLauncher): Launch {
  const last = new Map<string, Ack>()
  const seen = (message: Ack): Ack => {
    const task = `${message.snapshot.vertex} ${message.snapshot.subtask}`
    const before = last.get(task)
    last.set(task, message)
    const isMistaken = message.snapshot.subtask === 0 && before !== undefined && before.attempt < message.attempt
    return isMistaken ? { ...message, snapshot: before.snapshot } : message
  }
  return (launch, listener) =>
    launcher.launch(launch, {
      onReady: (ready) => listener.onReady(ready),
      onMessage: (message) => listener.onMessage(message.kind === 'ack' ? seen(message) : message),
      onLost: (error) => listener.onLost(error),
    })
}

function withoutCredits(network: Network): Network {
  const deaf = (connection: Connection): Connection => ({
    remote: connection.remote,
    get queuedBytes() {
      return connection.queuedBytes
    },
    send: (frame, more) => {
      if (!isCredit(frame)) connection.send(frame, more)
    },
    receive: (receiver) => connection.receive(receiver),
    limitFrames: (bytesMax) => connection.limitFrames(bytesMax),
    close: () => connection.close(),
    destroy: () => connection.destroy(),
  })
  return {
    listen: (address, onConnection) => network.listen(address, (connection) => onConnection(deaf(connection))),
    connect: async (address, timeoutMs) => deaf(await network.connect(address, timeoutMs)),
  }
}

function isCredit(frame: Uint8Array): boolean {
  try {
    return decodeFrame(frame).kind === 'credit'
  } catch (error) {
    if (error instanceof NetworkError) return false // a frame of another protocol, or the head of a batch
    throw error
  }
}
