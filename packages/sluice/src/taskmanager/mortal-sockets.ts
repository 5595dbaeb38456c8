/** The sockets of a slot that can die: mortal-env.ts, M1 and M2. */
import type { ByteStream, HttpAnswer, HttpService, Listener, Sockets } from '../base/env.ts'
import type { MortalEnds } from './mortal-network.ts'

export interface MortalSocketsOptions {
  readonly sockets: Sockets
  readonly isDead: () => boolean
  readonly onUncaught: (thrown: unknown) => void
  readonly ends: MortalEnds
}

export function mortalSockets(life: MortalSocketsOptions): Sockets {
  const { sockets, isDead } = life
  return {
    connect: async (address, timeoutMs) => {
      if (isDead()) return never()
      const stream = await sockets.connect(address, timeoutMs).catch((error: unknown) => orNever(life, error))
      if (!isDead()) return mortalStream(stream, life)
      stream.destroy()
      return never()
    },
    serveHttp: async (address, service) => {
      if (isDead()) return never()
      const mortal = mortalService(service, life)
      const listener = await sockets.serveHttp(address, mortal).catch((error: unknown) => orNever(life, error))
      if (!isDead()) return mortalListener(listener, life.ends)
      closeQuietly(listener)
      return never()
    },
  }
}

function mortalStream(stream: ByteStream, life: MortalSocketsOptions): ByteStream {
  const end = (): void => stream.destroy()
  life.ends.add(end)
  return {
    receive: (receiver) =>
      stream.receive({
        onBytes: (bytes) => guarded(life, () => receiver.onBytes(bytes)),
        onClosed: (error) => {
          life.ends.delete(end)
          guarded(life, () => receiver.onClosed(error))
        },
      }),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    destroy: () => {
      life.ends.delete(end)
      stream.destroy()
    },
  }
}

function mortalService(service: HttpService, { isDead }: MortalSocketsOptions): HttpService {
  return {
    bodyBytesMax: service.bodyBytesMax,
    connectionsMax: service.connectionsMax,
    requestTimeoutMs: service.requestTimeoutMs,
    refuse: (head) => (isDead() ? GONE : service.refuse(head)),
    answer: (head, body) => (isDead() ? Promise.resolve(GONE) : service.answer(head, body)),
  }
}

function mortalListener(listener: Listener, ends: MortalEnds): Listener {
  const end = (): void => closeQuietly(listener)
  ends.add(end)
  return {
    address: listener.address,
    close: () => {
      ends.delete(end)
      return listener.close()
    },
  }
}

const GONE: HttpAnswer = { status: 503, text: 'The job restarts.\n', headers: { 'retry-after': '1' } }

function closeQuietly(listener: Listener): void {
  listener.close().catch(nobodyIsLeft)
}

/** The slot that depended on the listener is dead. */
function nobodyIsLeft(): void {}

// M1
function orNever(life: MortalSocketsOptions, error: unknown): Promise<never> {
  return life.isDead() ? never() : Promise.reject(error)
}

function never(): Promise<never> {
  return new Promise(() => {})
}

// M2
function guarded({ isDead, onUncaught }: MortalSocketsOptions, run: () => void): void {
  if (isDead()) return
  try {
    run()
  } catch (thrown) {
    onUncaught(thrown)
  }
}
