/** The faults: how each is done to the cluster, how it ends, and how one sees that it really happened. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosCluster, Member } from './chaos-cluster.ts'
import type { Hosts } from './chaos-hosts.ts'

export const FAULT_KINDS = [
  'taskmanager-kill',
  'taskmanager-hang',
  'leader-kill',
  'leader-hang',
  'disk-full',
  'partition-taskmanager',
  'partition-leader',
  'partition-data',
  'rescale',
] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

/** With `spare` slots a job that loses some gets others; without, it goes on with fewer. */
export type Phase = 'spare' | 'full'

export interface FaultFacts {
  readonly phase: Phase
  /** Goal for the 95th percentile of the time to the first new output. Undefined: the job cannot go on before the fault ends. */
  readonly goalMs: number | undefined
  readonly needs: 'hosts' | 'prlimit' | 'nothing'
}

export const FAULTS: Readonly<Record<FaultKind, FaultFacts>> = {
  'taskmanager-kill': { phase: 'spare', goalMs: 3000, needs: 'nothing' },
  'taskmanager-hang': { phase: 'spare', goalMs: 8000, needs: 'nothing' },
  'leader-kill': { phase: 'spare', goalMs: 10_000, needs: 'nothing' },
  'leader-hang': { phase: 'spare', goalMs: 10_000, needs: 'nothing' },
  'disk-full': { phase: 'spare', goalMs: undefined, needs: 'prlimit' },
  'partition-taskmanager': { phase: 'spare', goalMs: 8000, needs: 'hosts' },
  'partition-leader': { phase: 'spare', goalMs: undefined, needs: 'hosts' },
  'partition-data': { phase: 'full', goalMs: undefined, needs: 'hosts' },
  rescale: { phase: 'full', goalMs: 5000, needs: 'nothing' },
}

/** Why a kind of fault is left out here; undefined when it is not. */
export function whyLeftOut(kind: FaultKind, hosts: Hosts): string | undefined {
  const { needs } = FAULTS[kind]
  if (needs === 'hosts') return hosts.reason
  if (needs === 'prlimit' && spawnSync('prlimit', ['--version']).status !== 0) return 'there is no prlimit command'
  return undefined
}

export interface FaultScene {
  readonly cluster: ChaosCluster
  readonly hosts: Hosts
  readonly job: string
  /** Longer than every lease and timeout of the cluster. */
  readonly beyondLeasesMs: number
  /** One of them, by the seed. */
  pick<T>(choices: readonly T[]): T
  note(text: string): void
}

export interface Strike {
  readonly target: string
  /** Wall milliseconds. */
  readonly atMs: number
  /** The fault ends. Resolves when that is done; rejects when it did not happen, or what it hit is not fenced. */
  heal(): Promise<void>
}

export function strike(kind: FaultKind, scene: FaultScene): Promise<Strike> {
  switch (kind) {
    case 'taskmanager-kill':
    case 'rescale':
      return killTaskManager(scene)
    case 'taskmanager-hang':
      return hangTaskManager(scene)
    case 'leader-kill':
      return killLeader(scene)
    case 'leader-hang':
      return hangLeader(scene)
    case 'disk-full':
      return fillDisk(scene)
    case 'partition-taskmanager':
      return cutTaskManager(scene)
    case 'partition-leader':
      return cutLeader(scene)
    case 'partition-data':
      return cutData(scene)
  }
}

async function killTaskManager(scene: FaultScene): Promise<Strike> {
  return kill(scene, scene.pick(await scene.cluster.hostsOf(scene.job)))
}

async function killLeader(scene: FaultScene): Promise<Strike> {
  return kill(scene, await leaderOf(scene))
}

function kill({ cluster }: FaultScene, member: Member): Strike {
  const { child } = member
  const atMs = Date.now()
  child.signal('SIGKILL')
  return {
    target: member.name,
    atMs,
    async heal() {
      await child.ended
      await cluster.startAgain(member)
    },
  }
}

/** The zombie must find out by itself: its connection is gone and its lease over when it wakes up. */
async function hangTaskManager(scene: FaultScene): Promise<Strike> {
  const member = scene.pick(await scene.cluster.hostsOf(scene.job))
  const losses = lossesOf(member)
  const strike = hang(member, scene)
  return {
    ...strike,
    async heal() {
      await strike.heal()
      await scene.cluster.until(`the zombie ${member.name} is fenced`, async () => lossesOf(member) > losses)
    },
  }
}

async function hangLeader(scene: FaultScene): Promise<Strike> {
  const member = await leaderOf(scene)
  const strike = hang(member, scene)
  return {
    ...strike,
    async heal() {
      await strike.heal()
      await scene.cluster.until(`the zombie ${member.name} stands by`, () => scene.cluster.isStandby(member))
    },
  }
}

function hang({ child, name }: Member, { beyondLeasesMs }: FaultScene): Strike {
  const atMs = Date.now()
  child.signal('SIGSTOP')
  return {
    target: name,
    atMs,
    async heal() {
      await sleep(Math.max(0, atMs + beyondLeasesMs - Date.now()))
      const hangs = isStopped(child.pid)
      child.signal('SIGCONT')
      if (!hangs) throw new TypeError(`${name} was told to stop, and did not`)
    },
  }
}

/** Smaller than any data of a checkpoint of the job, larger than everything else that a TaskManager writes. */
const FULL_AT_BYTES = 20_000
const FULL_FOR_MS = 4000

/** No file of this process may become larger than some bytes any more: its writes fail as on a full disk, those of others do not. */
async function fillDisk(scene: FaultScene): Promise<Strike> {
  const { cluster, job } = scene
  const member = scene.pick(await cluster.hostsOf(job))
  const before = (await cluster.job(job))?.restartCount ?? 0
  const atMs = Date.now()
  limitFileSize(member.child.pid, String(FULL_AT_BYTES))
  return {
    target: member.name,
    atMs,
    async heal() {
      const hasFailed = async (): Promise<boolean> => ((await cluster.job(job))?.restartCount ?? 0) > before
      await cluster.until('the job fails because nothing can be written', hasFailed)
      await sleep(FULL_FOR_MS)
      limitFileSize(member.child.pid, 'unlimited')
    },
  }
}

function limitFileSize(pid: number, soft: string): void {
  const done = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${soft}:unlimited`], { encoding: 'utf8' })
  if (done.status !== 0) throw new TypeError(`prlimit --fsize: ${done.stderr.trim()}`)
}

async function cutTaskManager(scene: FaultScene): Promise<Strike> {
  const { cluster, hosts, beyondLeasesMs } = scene
  const member = scene.pick(await cluster.hostsOf(scene.job))
  const losses = lossesOf(member)
  const atMs = Date.now()
  hosts.cut(member.name)
  return {
    target: member.name,
    atMs,
    async heal() {
      await sleep(Math.max(0, atMs + beyondLeasesMs - Date.now()))
      hosts.join(member.name)
      await cluster.until(`${member.name}, cut off, has ended its slots`, async () => lossesOf(member) > losses)
    },
  }
}

/** It still reaches the storage: it goes on leading, without TaskManagers. */
async function cutLeader(scene: FaultScene): Promise<Strike> {
  const { cluster, hosts, beyondLeasesMs } = scene
  const member = await leaderOf(scene)
  const losses = new Map(cluster.of('taskmanager').map((each) => [each, lossesOf(each)]))
  const atMs = Date.now()
  hosts.cut(member.name)
  return {
    target: member.name,
    atMs,
    async heal() {
      await sleep(beyondLeasesMs)
      hosts.join(member.name)
      const hasLost = [...losses].every(([each, before]) => lossesOf(each) > before)
      if (!hasLost) throw new TypeError('the leader was cut off, and a TaskManager goes on as if it was not')
    },
  }
}

/** Two TaskManagers do not reach each other; the JobManager reaches both. */
async function cutData(scene: FaultScene): Promise<Strike> {
  const { cluster, hosts, job } = scene
  const [one, other] = await cluster.hostsOf(job) // all slots are taken: there are two
  if (one === undefined || other === undefined)
    throw new TypeError('the job runs in one TaskManager: there is no data between two')
  const before = (await cluster.job(job))?.restartCount ?? 0
  const atMs = Date.now()
  hosts.cutPair(one.name, other.name)
  return {
    target: `${one.name} and ${other.name}`,
    atMs,
    async heal() {
      const hasFailed = async (): Promise<boolean> => ((await cluster.job(job))?.restartCount ?? 0) > before
      try {
        await cluster.until('the job notices that two of its TaskManagers do not reach each other', hasFailed)
      } finally {
        hosts.joinPair(one.name, other.name)
      }
    },
  }
}

async function leaderOf({ cluster }: FaultScene): Promise<Member> {
  let found: Member | undefined
  await cluster.until('somebody leads', async () => (found = await cluster.leader()) !== undefined)
  if (found === undefined) throw new TypeError('nobody leads')
  return found
}

/** How often it has lost its JobManager, and with that ended its slots. */
function lossesOf({ child }: Member): number {
  return child.log().split('lost the JobManager').length
}

function isStopped(pid: number): boolean {
  const done = spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' })
  if (done.error === undefined) return done.stdout.trim().startsWith('T')
  return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}
