/** The network of a slot that can die: mortal-env.ts, M1 and M2. */
import type { Connection, ConnectionReceiver, Listener, Network } from '../base/env.ts'

/** What is ended with the slot. */
export type MortalEnds = Set<() => void>

export interface MortalNetworkOptions {
  readonly network: Network
  readonly isDead: () => boolean
  readonly onUncaught: (thrown: unknown) => void
  readonly ends: MortalEnds
}

export function mortalNetwork(life: MortalNetworkOptions): Network {
  const { network, isDead, ends } = life
  const accept = (onConnection: (connection: Connection) => void) => (connection: Connection) => {
    if (isDead()) connection.destroy()
    else guarded(life, () => onConnection(mortalConnection(connection, life)))
  }
  return {
    listen: (address, onConnection) =>
      whileAlive(
        life,
        () => network.listen(address, accept(onConnection)),
        (listener) => mortalListener(listener, ends),
        (listener) => closeQuietly(listener),
      ),
    connect: (address, timeoutMs) =>
      whileAlive(
        life,
        () => network.connect(address, timeoutMs),
        (connection) => mortalConnection(connection, life),
        (connection) => connection.destroy(),
      ),
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

function mortalConnection(connection: Connection, life: MortalNetworkOptions): Connection {
  const { ends } = life
  const end = (): void => connection.destroy()
  ends.add(end)
  return {
    remote: connection.remote,
    get queuedBytes(): number {
      return connection.queuedBytes
    },
    send: (frame, rest) => connection.send(frame, rest),
    receive: (receiver) => connection.receive(receiver && mortalReceiver(receiver, life, () => ends.delete(end))),
    limitFrames: (bytesMax) => connection.limitFrames(bytesMax),
    close: () => {
      ends.delete(end)
      connection.close()
    },
    destroy: () => {
      ends.delete(end)
      connection.destroy()
    },
  }
}

function mortalReceiver(
  receiver: ConnectionReceiver,
  life: MortalNetworkOptions,
  onEnd: () => void,
): ConnectionReceiver {
  return {
    onFrame: (frame) => guarded(life, () => receiver.onFrame(frame)),
    onClosed: (error) => {
      onEnd()
      guarded(life, () => receiver.onClosed(error))
    },
    onDrained: () => guarded(life, () => receiver.onDrained?.()),
  }
}

// M2
function guarded({ isDead, onUncaught }: MortalNetworkOptions, run: () => void): void {
  if (isDead()) return
  try {
    run()
  } catch (thrown) {
    onUncaught(thrown) // becomes the loss of the slot
  }
}

/** M1: what the operation gave, made mortal; what comes too late is ended by `orphaned`. */
function whileAlive<T>(
  { isDead }: MortalNetworkOptions,
  operation: () => Promise<T>,
  mortal: (value: T) => T,
  orphaned: (value: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (isDead()) return
    operation().then(
      (value) => {
        if (isDead()) orphaned(value)
        else resolve(mortal(value))
      },
      (error: unknown) => void (isDead() || reject(error)),
    )
  })
}

function closeQuietly(listener: Listener): void {
  listener.close().catch(nobodyIsLeft)
}

/** The slot that depended on it is dead. */
function nobodyIsLeft(): void {}
