/**
 * The processes of a chaos run: started in groups of their own, logged, and ended whatever happens to this one.
 *
 * D1 Each living process is in the list of the undertaker, a shell that kills them and removes the folder when this process is gone.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, createWriteStream, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Launch {
  readonly name: string
  readonly command: string
  readonly words: readonly string[]
}

/** One life of a process. */
export interface RunningChild {
  readonly name: string
  readonly pid: number
  /** The first line of its stdout; rejects when it ends before. */
  readonly ready: Promise<string>
  isAlive(): boolean
  /** Everything it has logged so far. */
  log(): string
  signal(signal: NodeJS.Signals): void
  readonly ended: Promise<void>
}

/**
 * `$1`: the list of processes, `$2`: what else to do, `$3`: the folder that goes with them, of which the last dying process may still hold a part. Its
 * input ends when the one that watches over them is gone.
 */
const UNDERTAKER =
  'cat >/dev/null; while read -r pid; do kill -KILL "-$pid" 2>/dev/null; done <"$1"; . "$2" 2>/dev/null; rm -rf "$3" || { sleep 1; rm -rf "$3"; }'

const TEMPORARY = 'tmp'
const COMPILED_CODE = join(tmpdir(), 'node-compile-cache')

export class ChaosProcesses {
  readonly #folder: string
  readonly #list: string
  readonly #lastWishes: string
  readonly #living = new Map<number, RunningChild>()
  readonly #undertaker: ChildProcess

  /** `folder` is removed at the end, unless it is kept. */
  constructor(folder: string) {
    this.#folder = folder
    this.#list = join(folder, 'processes')
    this.#lastWishes = join(folder, 'last-wishes')
    mkdirSync(join(folder, TEMPORARY))
    this.#writeList()
    writeFileSync(this.#lastWishes, '')
    const words = ['-c', UNDERTAKER, 'undertaker', this.#list, this.#lastWishes, folder]
    this.#undertaker = spawn('sh', words, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
    this.#undertaker.unref()
  }

  /** A shell command for the case that this process cannot do it by itself. */
  addLastWish(command: string): void {
    appendFileSync(this.#lastWishes, `${command}\n`)
  }

  start({ name, command, words }: Launch): RunningChild {
    // What is killed does not clean up its temporary files; compiled code is shared with everybody, as it would be on a machine of their own.
    const env = { ...process.env, TMPDIR: join(this.#folder, TEMPORARY), NODE_COMPILE_CACHE: COMPILED_CODE }
    const child = spawn(command, words, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env })
    const { pid } = child
    if (pid === undefined) throw new TypeError(`${name} could not be started: ${command} does not run`)
    const running = new Child(name, pid, child, join(this.#folder, `${name}.log`))
    this.#living.set(pid, running)
    this.#writeList() // D1
    void running.ended.then(() => {
      this.#living.delete(pid)
      this.#writeList()
    })
    return running
  }

  /** Kills what lives and ends the undertaker. Idempotent. */
  async end(what: 'remove-folder' | 'keep-folder'): Promise<void> {
    const ends = [...this.#living.values()].map((child) => {
      child.signal('SIGKILL')
      return child.ended
    })
    await Promise.all(ends)
    if (this.#undertaker.exitCode !== null || this.#undertaker.signalCode !== null) return
    const gone = once(this.#undertaker, 'exit')
    this.#undertaker.ref()
    if (what === 'keep-folder') this.#undertaker.kill('SIGKILL')
    else this.#undertaker.stdin?.end()
    await gone
  }

  /** Whole at every moment. */
  #writeList(): void {
    writeFileSync(`${this.#list}.new`, [...this.#living.keys()].map((pid) => `${pid}\n`).join(''))
    renameSync(`${this.#list}.new`, this.#list)
  }
}

class Child implements RunningChild {
  readonly name: string
  readonly pid: number
  readonly ready: Promise<string>
  readonly ended: Promise<void>
  readonly #child: ChildProcess
  #log = ''

  constructor(name: string, pid: number, child: ChildProcess, logPath: string) {
    this.name = name
    this.pid = pid
    this.#child = child
    const file = createWriteStream(logPath, { flags: 'a' })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text
      file.write(text)
    })
    this.ended = once(child, 'close').then(() => void file.end())
    this.ready = new Promise((resolve, reject) => {
      if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', resolve)
      void this.ended.then(() => reject(new TypeError(`${name} ended before it was ready:\n${this.#log}`)))
    })
    this.ready.catch(() => {}) // told to whoever waits for it
  }

  isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  log(): string {
    return this.#log
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isAlive()) process.kill(-this.pid, signal)
  }
}
