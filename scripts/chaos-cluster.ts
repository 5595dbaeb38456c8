/** The cluster of a chaos run: real processes through the command line, watched through the REST API of whoever leads. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { ChaosProcesses, RunningChild } from './chaos-processes.ts'
import type { Hosts } from './chaos-hosts.ts'

export interface ClusterPlan {
  readonly jobManagers: number
  readonly taskManagers: number
  readonly slots: number
  /** Engine options of the processes. */
  readonly settings: Readonly<Record<string, string>>
}

export type Role = 'jobmanager' | 'taskmanager'

/** One place in the cluster; its process may be killed and started again. */
export interface Member {
  readonly name: string
  readonly role: Role
  child: RunningChild
  /** Of a JobManager: REST API. */
  readonly url: string
}

export interface JobView {
  readonly state: string
  readonly phase: string
  readonly restartCount: number
  readonly slotsHeld: number
  readonly slotsWanted: number
  /** Id of the newest; -1 without one. Counts begin anew with each leader. */
  readonly checkpoint: number
  readonly stateBytes: number
  readonly waiting: string | null
}

export interface Submission {
  readonly module: string
  readonly parallelism: number
  readonly params: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
}

const SLUICE = 'packages/sluice/bin/sluice.js'
const SECRET = 'chaos-secret-of-one-run'
const TOKEN = 'chaos-token-of-one-run'
const REQUEST_WAIT_MS = 1500
const POLL_MS = 50
const run = promisify(execFile)

export class ChaosCluster {
  readonly members: Member[] = []
  readonly #folder: string
  readonly #plan: ClusterPlan
  readonly #processes: ChaosProcesses
  readonly #hosts: Hosts
  readonly #launches = new Map<string, () => Promise<RunningChild>>()

  constructor(folder: string, plan: ClusterPlan, { processes, hosts }: { processes: ChaosProcesses; hosts: Hosts }) {
    this.#folder = folder
    this.#plan = plan
    this.#processes = processes
    this.#hosts = hosts
  }

  async start(): Promise<void> {
    for (const [name, text] of [
      ['secret', SECRET],
      ['token', TOKEN],
    ] as const) {
      writeFileSync(join(this.#folder, name), text, { mode: 0o600 })
    }
    const controls: string[] = []
    for (let n = 1; n <= this.#plan.jobManagers; n++) controls.push(await this.#addJobManager(`jm${n}`))
    for (let n = 1; n <= this.#plan.taskManagers; n++) await this.#addTaskManager(`tm${n}`, controls)
    await Promise.all(this.members.map(({ child }) => child.ready))
    await this.untilRegistered(this.#plan.taskManagers)
  }

  of(role: Role): readonly Member[] {
    return this.members.filter((member) => member.role === role)
  }

  /** A new process in the place of one that is gone. */
  async startAgain(member: Member): Promise<void> {
    const launch = this.#launches.get(member.name)
    if (member.child.isAlive() || launch === undefined) return
    member.child = await launch()
    await member.child.ready
  }

  async untilRegistered(count: number): Promise<void> {
    await this.until(`${count} TaskManagers are registered`, async () => (await this.#pids()).length === count)
  }

  /** The JobManager that says it leads. With a zombie that does not know better there may be two: the one others point to. */
  async leader(): Promise<Member | undefined> {
    const answers = await Promise.all(this.of('jobmanager').map((member) => this.#health(member)))
    return answers.find((member) => member !== undefined)
  }

  async isStandby(member: Member): Promise<boolean> {
    const health = await ask(`${member.url}/v1/health`)
    return health?.['role'] === 'standby'
  }

  /** TaskManagers that run tasks of the job. */
  async hostsOf(job: string): Promise<readonly Member[]> {
    const { vertices } = (await this.get(`/v1/jobs/${job}`)) as {
      readonly vertices: readonly { readonly id: string }[]
    }
    const [first] = vertices
    const { subtasks } = (await this.get(`/v1/jobs/${job}/vertices/${first?.id}`)) as {
      readonly subtasks: readonly { readonly 'taskmanager-id': string }[]
    }
    const used = new Set(subtasks.map((subtask) => subtask['taskmanager-id']))
    const { taskmanagers } = (await this.get('/v1/taskmanagers')) as unknown as TaskManagers
    const pids = new Set(taskmanagers.filter(({ id }) => used.has(id)).map(({ sluice }) => sluice.pid))
    return this.of('taskmanager').filter(({ child }) => pids.has(child.pid))
  }

  async submit({ module, parallelism, params, options }: Submission): Promise<string> {
    const words = [SLUICE, 'run', module, '--detached', '--fresh', '--json', '--parallelism', String(parallelism)]
    words.push(
      '--jobmanager',
      this.of('jobmanager')
        .map(({ url }) => url)
        .join(','),
      '--token-file',
      join(this.#folder, 'token'),
    )
    for (const [name, value] of Object.entries(params)) words.push('--param', `${name}=${value}`)
    for (const [name, value] of Object.entries(options)) words.push(`--${name}`, value)
    const { stdout } = await run(process.execPath, words)
    return (JSON.parse(stdout) as { readonly job: string }).job
  }

  /** Undefined while nobody leads, or the leader does not know it yet. */
  async job(job: string): Promise<JobView | undefined> {
    const found = await this.#ask(`/v1/jobs/${job}`)
    if (found === undefined || typeof found['state'] !== 'string') return undefined
    const { state, sluice } = found as unknown as JobBody
    return {
      state,
      ...sluice,
      checkpoint: sluice.checkpoints?.last?.checkpoint ?? -1,
      stateBytes: sluice.checkpoints?.last?.stateBytes ?? 0,
    }
  }

  /** The newest that is restorable. */
  async lastCheckpoint(job: string): Promise<number> {
    const { latest } = (await this.get(`/v1/jobs/${job}/checkpoints`)) as unknown as CheckpointsBody
    return latest.completed?.id ?? -1
  }

  async stopJob(job: string): Promise<void> {
    await this.until('the job is told to stop', async () => {
      const stopped = await this.#ask(`/v1/jobs/${job}/stop`, { method: 'POST', body: '{}' })
      return stopped !== undefined
    })
  }

  async get(path: string): Promise<Readonly<Record<string, unknown>>> {
    let answer: Readonly<Record<string, unknown>> | undefined
    await this.until(`GET ${path} is answered`, async () => (answer = await this.#ask(path)) !== undefined)
    return answer ?? {}
  }

  /** @throws when it does not come true in time */
  async until(what: string, isTrue: () => Promise<boolean>, waitMaxMs = 90_000): Promise<void> {
    const deadline = performance.now() + waitMaxMs
    while (!(await isTrue())) {
      if (performance.now() > deadline) throw new TypeError(`waited ${waitMaxMs / 1000} s in vain until ${what}`)
      await sleep(POLL_MS)
    }
  }

  async #addJobManager(name: string): Promise<string> {
    const host = await this.#hosts.host(name)
    const [port, restPort] = [await this.#hosts.freePort(name), await this.#hosts.freePort(name)]
    const words = [
      '--host',
      host.address,
      '--port',
      String(port),
      '--rest-host',
      host.address,
      '--rest-port',
      String(restPort),
    ]
    const tokenFile = join(this.#folder, 'token')
    words.push('--storage', join(this.#folder, 'storage'), '--token-file', tokenFile)
    await this.#add({ name, role: 'jobmanager', url: `http://${host.address}:${restPort}`, words })
    return `${host.address}:${port}`
  }

  async #addTaskManager(name: string, controls: readonly string[]): Promise<void> {
    const { address } = await this.#hosts.host(name)
    const words = ['--host', address, '--jobmanager', controls.join(','), '--slots', String(this.#plan.slots)]
    words.push('--work-dir', join(this.#folder, 'work'))
    await this.#add({ name, role: 'taskmanager', url: '', words })
  }

  async #add({ name, role, url, words }: Omit<Member, 'child'> & { readonly words: readonly string[] }): Promise<void> {
    const settings = Object.entries(this.#plan.settings).flatMap(([key, value]) => ['-D', `${key}=${value}`])
    const common = ['--id', name, '--json', '--secret-file', join(this.#folder, 'secret'), ...settings]
    const host = await this.#hosts.host(name)
    const [command, all] = host.command([process.execPath, SLUICE, role, ...words, ...common])
    const launch = async () => this.#processes.start({ name, command, words: all })
    this.#launches.set(name, launch)
    this.members.push({ name, role, url, child: await launch() })
  }

  async #health(member: Member): Promise<Member | undefined> {
    const health = member.child.isAlive() ? await ask(`${member.url}/v1/health`) : undefined
    return health?.['role'] === 'leader' ? member : undefined
  }

  /** Of the TaskManagers that the leader knows. */
  async #pids(): Promise<readonly number[]> {
    const body = (await this.#ask('/v1/taskmanagers')) as unknown as TaskManagers | undefined
    return body?.taskmanagers?.map(({ sluice }) => sluice.pid) ?? []
  }

  /** The first JobManager that leads answers. */
  async #ask(path: string, init: RequestInit = {}): Promise<Readonly<Record<string, unknown>> | undefined> {
    const living = this.of('jobmanager').filter(({ child }) => child.isAlive())
    const answers = await Promise.all(living.map(({ url }) => ask(`${url}${path}`, init)))
    return answers.find((answer) => answer !== undefined)
  }
}

interface TaskManagers {
  readonly taskmanagers: readonly { readonly id: string; readonly sluice: { readonly pid: number } }[]
}

interface CheckpointsBody {
  readonly latest: { readonly completed: { readonly id: number } | null }
}

interface JobBody {
  readonly state: string
  readonly sluice: Omit<JobView, 'state' | 'checkpoint' | 'stateBytes'> & {
    readonly checkpoints: { readonly last: { readonly checkpoint: number; readonly stateBytes: number } | null } | null
  }
}

/** Undefined when there is no answer, or one that says no. A standby's way to the leader is not followed: everybody is asked. */
async function ask(url: string, init: RequestInit = {}): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      signal: AbortSignal.timeout(REQUEST_WAIT_MS),
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    })
    if (!response.ok) return undefined
    return (await response.json()) as Readonly<Record<string, unknown>>
  } catch {
    return undefined // the process is killed, stopped or cut off: what the caller is waiting for
  }
}
