/**
 * Where the processes of a chaos run live: all on the loopback address, or each on a host of its own, made of a network namespace, whose
 * cable can be pulled.
 */
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:net'

export interface Host {
  readonly address: string
  /** The command that runs `words` there. */
  command(words: readonly string[]): readonly [string, readonly string[]]
}

export interface Hosts {
  /** Why hosts cannot be cut off from each other; undefined when they can. */
  readonly reason: string | undefined
  host(name: string): Promise<Host>
  /** From now on the host reaches nobody, and nobody reaches it. */
  cut(name: string): void
  join(name: string): void
  /** From now on these two do not reach each other; both reach everybody else. */
  cutPair(name: string, other: string): void
  joinPair(name: string, other: string): void
  freePort(name: string): Promise<number>
  /** Idempotent. */
  remove(): void
}

export type NetnsMode = 'auto' | 'on' | 'off'

/** `addLastWish` is given a command for whatever has to be removed. @throws when namespaces are asked for and cannot be had */
export function createHosts(mode: NetnsMode, addLastWish: (command: string) => void = () => {}): Hosts {
  if (mode === 'off') return new OneHost('--netns off')
  const reason = whyNoNamespaces()
  if (reason === undefined) return new NamespaceHosts(addLastWish)
  if (mode === 'on') throw new TypeError(`--netns on: ${reason}`)
  return new OneHost(reason)
}

class OneHost implements Hosts {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }

  async host(): Promise<Host> {
    return { address: '127.0.0.1', command: ([command = '', ...words]) => [command, words] }
  }

  cut(name: string): void {
    throw new TypeError(`${name} cannot be cut off: ${this.reason}`)
  }

  join(): void {}

  cutPair(name: string): void {
    this.cut(name)
  }

  joinPair(): void {}

  freePort(): Promise<number> {
    return new Promise((resolve, reject) => {
      const server = createServer().once('error', reject)
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
      })
    })
  }

  remove(): void {}
}

/** Of a namespace that nobody else uses. */
const FIRST_PORT = 7100

/** One bridge in the namespace of this process; one namespace and one pair of virtual network cards for each host. */
class NamespaceHosts implements Hosts {
  readonly reason = undefined
  readonly #prefix = `slc${process.pid.toString(36)}`
  readonly #subnet = `10.${200 + (process.pid % 50)}.${Math.floor(process.pid / 50) % 250}`
  readonly #numbers = new Map<string, number>()
  readonly #addLastWish: (command: string) => void
  #nextPort = FIRST_PORT
  #hasBridge = false

  constructor(addLastWish: (command: string) => void) {
    this.#addLastWish = addLastWish
  }

  async host(name: string): Promise<Host> {
    const number = this.#numbers.get(name) ?? this.#create(name)
    const namespace = this.#namespace(name)
    return {
      address: this.#address(number),
      command: (words) => ['ip', ['netns', 'exec', namespace, ...words]],
    }
  }

  cut(name: string): void {
    ip(`link set ${this.#card(name)} down`)
  }

  join(name: string): void {
    ip(`link set ${this.#card(name)} up`)
  }

  cutPair(name: string, other: string): void {
    for (const [at, to] of this.#directions(name, other)) ip(`-n ${at} route add blackhole ${to}/32`)
  }

  joinPair(name: string, other: string): void {
    for (const [at, to] of this.#directions(name, other)) ip(`-n ${at} route del blackhole ${to}/32`)
  }

  async freePort(): Promise<number> {
    return this.#nextPort++
  }

  remove(): void {
    // The cable first: a namespace lives on for as long as a connection in it waits for its end.
    for (const name of this.#numbers.keys()) {
      spawnSync('ip', ['link', 'del', this.#card(name)])
      spawnSync('ip', ['netns', 'del', this.#namespace(name)])
    }
    this.#numbers.clear()
    if (this.#hasBridge) spawnSync('ip', ['link', 'del', this.#prefix])
    this.#hasBridge = false
  }

  #create(name: string): number {
    if (!this.#hasBridge) this.#createBridge()
    const number = this.#numbers.size + 2
    this.#numbers.set(name, number)
    const [namespace, card] = [this.#namespace(name), this.#card(name)]
    this.#addLastWish(`ip link del ${card}; ip netns del ${namespace}`)
    ip(`netns add ${namespace}`)
    ip(`link add ${card} type veth peer name eth0 netns ${namespace}`)
    ip(`link set ${card} master ${this.#prefix} up`)
    ip(`-n ${namespace} addr add ${this.#address(number)}/24 dev eth0`)
    ip(`-n ${namespace} link set eth0 up`)
    ip(`-n ${namespace} link set lo up`)
    return number
  }

  #createBridge(): void {
    this.#hasBridge = true
    this.#addLastWish(`ip link del ${this.#prefix}`)
    ip(`link add ${this.#prefix} type bridge`)
    ip(`addr add ${this.#address(1)}/24 dev ${this.#prefix}`)
    ip(`link set ${this.#prefix} up`)
  }

  #directions(name: string, other: string): readonly (readonly [string, string])[] {
    return [
      [this.#namespace(name), this.#address(this.#numbers.get(other) ?? 0)],
      [this.#namespace(other), this.#address(this.#numbers.get(name) ?? 0)],
    ]
  }

  #namespace(name: string): string {
    return `${this.#prefix}-${name}`
  }

  /** At most 15 characters: the kernel has no room for more. */
  #card(name: string): string {
    return `${this.#prefix}v${this.#numbers.get(name) ?? 0}`
  }

  #address(number: number): string {
    return `${this.#subnet}.${number}`
  }
}

function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux') return `network namespaces are a thing of Linux, this is ${process.platform}`
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const name = `slctry${process.pid}`
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' })
  if (made.status !== 0) return `ip netns add: ${(made.stderr || (made.error?.message ?? '')).trim()}`
  const card = spawnSync(
    'ip',
    ['link', 'add', `v${process.pid}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name],
    {
      encoding: 'utf8',
    },
  )
  spawnSync('ip', ['netns', 'del', name])
  return card.status === 0 ? undefined : `ip link add type veth: ${card.stderr.trim()}`
}

function ip(words: string): void {
  const done = spawnSync('ip', words.split(' '), { encoding: 'utf8' })
  if (done.status !== 0) throw new TypeError(`ip ${words}: ${(done.stderr || (done.error?.message ?? '')).trim()}`)
}
