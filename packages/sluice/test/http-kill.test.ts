import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { type Deferred, deferred } from '../src/base/deferred.ts'
import { committedOutput, tempFolder } from './temp-folder.ts'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const SENDERS = 4
/** Answers after which the process is killed, again and again; then it may live. */
const KILLS = [20, 50, 90]
const ANSWERS = 120
/** So many checkpoints later all of them have to be visible. */
const ANSWERS_MAX = 600

test('every request that a process answered with 2xx is in the output, though it is killed with SIGKILL', async () => {
  const folder = tempFolder()
  const port = await freePort()
  const senders = new Senders(`http://127.0.0.1:${port}/in`)
  onTestFinished(() => senders.stop())
  for (const answers of [...KILLS, ANSWERS]) {
    const child = start(folder, port)
    onTestFinished(() => void child.kill('SIGKILL'))
    await firstCheckpoint(child)
    await senders.until(answers)
    if (answers < ANSWERS) {
      child.kill('SIGKILL')
      await once(child, 'close')
      continue
    }
    // What the last checkpoint covers becomes visible a moment behind its answer.
    let missing = [...senders.answered]
    while (missing.length > 0 && senders.answered.size < ANSWERS_MAX) {
      const seen = new Set((await committedOutput(join(folder, 'out'))).lines)
      missing = missing.filter((id) => !seen.has(JSON.stringify({ id })))
    }
    expect(missing).toEqual([])
  }
  await senders.stop()
  expect(senders.failedCount, 'kills hit requests that were open').toBeGreaterThan(0)
})

/** Send one request each, and the next one when it was answered, until one fails. */
class Senders {
  readonly answered = new Set<number>()
  failedCount = 0
  readonly #url: string
  #nextId = 0
  #wanted = 0
  #reached: Deferred<void> = deferred()
  #isStopped = false
  #loops: Promise<void>[] = []

  constructor(url: string) {
    this.#url = url
  }

  /** Sends until so many were answered in all, and on until a request fails. */
  async until(answers: number): Promise<void> {
    await Promise.all(this.#loops)
    this.#wanted = answers
    this.#reached = deferred()
    this.#loops = Array.from({ length: SENDERS }, () => this.#send())
    await this.#reached.promise
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#loops)
  }

  async #send(): Promise<void> {
    while (!this.#isStopped) {
      const id = this.#nextId++
      const headers = { 'content-type': 'application/json' }
      const body = JSON.stringify({ id })
      try {
        const { ok } = await fetch(this.#url, { method: 'POST', body, headers })
        if (ok) this.answered.add(id)
      } catch {
        this.failedCount++ // nobody promised anything
        return
      }
      if (this.answered.size >= this.#wanted) this.#reached.resolve()
    }
  }
}

function start(folder: string, port: number): ChildProcess {
  const words = ['run', join(PACKAGE, 'test/jobs/webhook.ts'), '--json', '--state-dir', join(folder, 'state')]
  for (const [name, value] of Object.entries({ output: join(folder, 'out'), port }))
    words.push('--param', `${name}=${value}`)
  return spawn(process.execPath, [join(PACKAGE, 'bin/sluice.js'), ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function firstCheckpoint({ stdout }: ChildProcess): Promise<void> {
  if (stdout === null) throw new TypeError('the process has no stdout')
  const completed = deferred<void>()
  createInterface({ input: stdout }).on('line', (text) => {
    if (text.includes('"checkpoint-completed"')) completed.resolve()
  })
  await completed.promise
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  await new Promise((resolve) => server.close(resolve))
  return port
}
