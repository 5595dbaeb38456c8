/** What both processes of process-channel.ts need: the network of a TaskManager and a link over it. */
import type { Connection, Env } from '../../packages/sluice/src/base/env.ts'
import { EngineError } from '../../packages/sluice/src/base/errors.ts'
import { createNodeEnv } from '../../packages/sluice/src/cluster/node-env.ts'
import { createNodeNetwork } from '../../packages/sluice/src/cluster/node-network.ts'
import { FRAME_BYTES_MAX } from '../../packages/sluice/src/control/frame-codec.ts'
import { NetworkLink } from '../../packages/sluice/src/exchange/network-link.ts'

export interface ConsumerReport {
  readonly consumerCpuMs: number
}

export function benchEnv(): Env {
  return createNodeEnv({ stdout: { writeLine: () => {} }, network: createNodeNetwork() })
}

export function openLink(env: Env, connection: Connection): NetworkLink {
  const link = new NetworkLink({
    env,
    limits: { aliveIntervalMs: 1000, silenceMaxMs: 30_000, toldAfterMs: 0, byeWaitMs: 1000 },
    describe: ({ message }) => new EngineError('NET1004', message),
    onGone: () => {},
  })
  link.onBroken((error) => {
    throw error
  })
  connection.limitFrames(FRAME_BYTES_MAX)
  link.attach(connection)
  return link
}
